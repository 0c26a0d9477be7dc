package trash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/google/uuid"

	"sd/actions/stores"
	"sd/backends"
	"sd/sdpath"
)

// kept begins what Put returns for a volume that keeps versions; the version follows. Keys in the
// trash begin otherwise.
const kept = "version "

// putObject removes an object where that can be taken back, else keeps a copy first.
func putObject(ctx context.Context, v *stores.Volume, e *stores.Entry, unique string) (string, error) {
	if e.Kind == stores.Dir {
		return "", pathError(v, "trash", e.Name, fmt.Errorf("a folder in a volume goes file by file: %w", errors.ErrUnsupported))
	}
	if e.Name == Folder || strings.HasPrefix(e.Name, Folder+"/") {
		return "", pathError(v, "trash", e.Name, ErrInTrash)
	}
	if err := v.Settle(ctx, e.Name); err != nil {
		return "", err
	}
	if e.Version == "" {
		now, err := v.Stat(ctx, e.Name)
		if err != nil {
			return "", err
		}
		e = &now
	}
	if u, ok := v.Backend().(backends.Undeleter); ok {
		keeps, err := u.KeepsVersions(ctx)
		if err != nil {
			return "", err
		}
		if keeps {
			err := v.Remove(ctx, e.Name, e.Version)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil // by an earlier try, or by somebody else: the version is kept
			}
			return kept + e.Version, err
		}
	}
	keys := keysIn(unique, e.Name)
	for _, key := range keys {
		where, err := putCopy(ctx, v, e, key)
		switch {
		case errors.Is(err, errTaken):
			continue
		case errors.Is(err, fs.ErrNotExist):
			return found(ctx, v, e, keys, err)
		}
		return where, err
	}
	return "", pathError(v, "trash", e.Name, fmt.Errorf("its names are taken there: %w", ErrNoTrash))
}

// errTaken says that something else lies in the trash under a key.
var errTaken = errors.New("taken")

// Owner is what the names of those folders in Folder begin with that jobs of a library have
// made; the number of the job follows.
func Owner(library uuid.UUID) string { return library.String()[:8] + "-" }

// keysIn are the keys in the trash of what a step of a job removes: the one that a person would look
// for, and one for where that is taken, by another step, or by a job that had the same number in a
// library which was put back from an older copy.
func keysIn(unique, name string) []string {
	job, step := unique, ""
	if at := strings.LastIndexByte(unique, '-'); at > 0 {
		job, step = unique[:at], unique[at+1:]
	}
	return []string{sdpath.JoinKey(Folder+"/"+job, name), sdpath.JoinKey(Folder+"/"+job+"/.sd-"+step, name)}
}

// found looks for what an earlier try has brought to the trash to the end, as e is gone.
func found(ctx context.Context, v *stores.Volume, e *stores.Entry, keys []string, gone error) (string, error) {
	for _, key := range slices.Backward(keys) {
		in, err := v.Stat(ctx, key)
		if err == nil && in.Size == e.Size {
			return key, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", gone
}

// putCopy copies e to the key and removes it, or renames it where the store does. Another object
// of that key is errTaken; e being gone is fs.ErrNotExist.
func putCopy(ctx context.Context, v *stores.Volume, e *stores.Entry, key string) (string, error) {
	if r := renamer(v); r != nil {
		return putRenamed(ctx, v, r, e, key)
	}
	c, ok := v.Backend().(backends.Copier)
	if !ok {
		return "", pathError(v, "trash", e.Name, ErrNoTrash)
	}
	_, err := c.Copy(ctx, key, e.Name, backends.CopyOptions{
		Source: e.Version, Size: e.Size, Cond: backends.Cond{Absent: true},
	})
	switch {
	case errors.Is(err, fs.ErrExist): // an earlier try may have come so far
		if err := isCopy(ctx, v, e, key); err != nil {
			return "", err
		}
	case errors.Is(err, backends.ErrChanged):
		return "", changed(e)
	case err != nil:
		return "", err
	}
	err = v.Remove(ctx, e.Name, e.Version)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return key, nil
	case errors.Is(err, backends.ErrChanged):
		return "", errors.Join(changed(e), drop(ctx, v, key))
	case err != nil:
		return "", err
	}
	return key, nil
}

// isCopy sees that the object in the trash is e's copy, and else is errTaken.
func isCopy(ctx context.Context, v *stores.Volume, e *stores.Entry, key string) error {
	now, err := v.Stat(ctx, e.Name)
	if err != nil {
		return err
	}
	if now.Version != e.Version {
		return changed(e)
	}
	in, err := v.Stat(ctx, key)
	if err != nil {
		return err
	}
	same, err := alike(ctx, v, &now, &in)
	if err == nil && !same {
		err = errTaken
	}
	return err
}

// cleanObject removes the copy of an object that is there still.
func cleanObject(ctx context.Context, v *stores.Volume, e *stores.Entry, unique string) error {
	for _, key := range keysIn(unique, e.Name) {
		_, err := v.Stat(ctx, key)
		if err == nil {
			err = isCopy(ctx, v, e, key)
		}
		if err == nil {
			err = drop(ctx, v, key)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errTaken) && !errors.Is(err, backends.ErrChanged) {
			return err
		}
	}
	return nil
}

// drop removes what is not needed in the trash.
func drop(ctx context.Context, v *stores.Volume, key string) error {
	err := v.Remove(ctx, key, "")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func restoreObject(ctx context.Context, v *stores.Volume, where, name string) (stores.Entry, error) {
	if version, ok := strings.CutPrefix(where, kept); ok {
		return undelete(ctx, v, name, version)
	}
	if !strings.HasPrefix(where, Folder+"/") {
		return stores.Entry{}, pathError(v, "restore", name, fmt.Errorf("%q is no place in the trash: %w", where, fs.ErrInvalid))
	}
	r := renamer(v)
	c, copies := v.Backend().(backends.Copier)
	if r == nil && !copies {
		return stores.Entry{}, pathError(v, "restore", name, errors.ErrUnsupported)
	}
	in, err := v.Stat(ctx, where)
	if errors.Is(err, fs.ErrNotExist) {
		return stores.Entry{}, absent(v.URI(name).String())
	}
	if err != nil {
		return stores.Entry{}, err
	}
	if r != nil {
		return restoreRenamed(ctx, v, r, where, name)
	}
	_, err = c.Copy(ctx, name, where, backends.CopyOptions{Source: in.Version, Size: in.Size, Cond: backends.Cond{Absent: true}})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return stores.Entry{}, err
	}
	now, serr := v.Stat(ctx, name)
	if serr != nil {
		return stores.Entry{}, serr
	}
	if err != nil { // it may be what an earlier try has brought back
		same, err := alike(ctx, v, &now, &in)
		if err != nil {
			return stores.Entry{}, err
		}
		if !same {
			return stores.Entry{}, taken(v.URI(name).String())
		}
	}
	if err := drop(ctx, v, where); err != nil {
		return stores.Entry{}, err
	}
	return now, nil
}

// alike tells whether one object is a copy of the other. Where nothing that the store tells
// decides it, both are read.
func alike(ctx context.Context, v *stores.Volume, a, b *stores.Entry) (bool, error) {
	if a.Size != b.Size || a.TimeKnown != b.TimeKnown || a.TimeKnown && !a.ModTime.Equal(b.ModTime) {
		return false, nil
	}
	if a.Proven && b.Proven {
		return a.Sum == b.Sum, nil
	}
	for _, x := range a.Sums {
		for _, y := range b.Sums {
			if x.Algorithm == y.Algorithm && x.Algorithm != "etag-multipart" { // which depends on the parts
				return x.Hex == y.Hex, nil
			}
		}
	}
	x, _, err := v.Backend().Get(ctx, a.Name, a.Version, 0, -1)
	if err != nil {
		return false, err
	}
	defer x.Close()
	y, _, err := v.Backend().Get(ctx, b.Name, b.Version, 0, -1)
	if err != nil {
		return false, err
	}
	defer y.Close()
	return sameBytes(x, y, a.Size)
}

// sameBytes compares the n bytes of each.
func sameBytes(a, b io.Reader, n int64) (bool, error) {
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for n > 0 {
		k := min(n, int64(len(x)))
		if _, err := io.ReadFull(a, x[:k]); err != nil {
			return false, err
		}
		if _, err := io.ReadFull(b, y[:k]); err != nil {
			return false, err
		}
		if !bytes.Equal(x[:k], y[:k]) {
			return false, nil
		}
		n -= k
	}
	return true, nil
}

func undelete(ctx context.Context, v *stores.Volume, name, version string) (stores.Entry, error) {
	u, ok := v.Backend().(backends.Undeleter)
	if !ok {
		return stores.Entry{}, pathError(v, "restore", name, errors.ErrUnsupported)
	}
	e, err := u.Undelete(ctx, name, version)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return stores.Entry{}, absent(v.URI(name).String())
	case errors.Is(err, backends.ErrChanged):
		if _, serr := v.Stat(ctx, name); errors.Is(serr, fs.ErrNotExist) {
			return stores.Entry{}, pathError(v, "restore", name, fmt.Errorf("%w: a later file of its name was removed too", err))
		}
		return stores.Entry{}, taken(v.URI(name).String())
	case err != nil:
		return stores.Entry{}, err
	}
	e.Name = name
	return v.Entry(&e), nil
}

func pathError(v *stores.Volume, op, name string, err error) error {
	return &fs.PathError{Op: op, Path: v.URI(name).String(), Err: err}
}
