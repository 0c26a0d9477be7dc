package doctor

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	iofs "io/fs"
	"slices"
	"strings"
	"time"

	"sd/backends"
)

// copies copies a file inside the store.
func (r *run) copies(ctx context.Context) Row {
	copier, ok := r.Backend.(backends.Copier)
	if !ok {
		return Row{Found: "the service copies nothing by itself", Does: "fetches and sends the bytes", Level: OK}
	}
	if _, err := r.putPlain(ctx, "to copy", hello); err != nil {
		return r.failed(err, "")
	}
	began := time.Now()
	if _, err := copier.Copy(ctx, r.note("copied"), r.at("to copy"), backends.CopyOptions{}); err != nil {
		return r.failed(err, "rename and change of times fail with the same")
	}
	took := time.Since(began)
	if got, err := r.get(ctx, "copied", "", 0, -1); err != nil || got != hello {
		return Row{Found: "the copy is another than the original", Does: "nothing can be done: do not use this store", Level: Fail}
	}
	return Row{Found: "inside the store, in " + brief(took), Level: OK}
}

// renames renames a file over another one, and a folder.
func (r *run) renames(ctx context.Context) Row {
	renamer, ok := r.Backend.(backends.Renamer)
	if !ok {
		if _, copies := r.Backend.(backends.Copier); copies {
			return Row{Found: "the service has none", Does: "copies inside the store and removes the old; a journal ends it after a kill", Level: OK}
		}
		return Row{Found: "the service has none", Does: "rename fails with EXDEV, so that programs copy", Level: Warn}
	}
	for _, name := range []string{"old", "over", "folder/file"} {
		if _, err := r.putPlain(ctx, name, name); err != nil {
			return r.failed(err, "")
		}
	}
	r.note("folder 2/file")
	err := renamer.Rename(ctx, r.at("old"), r.at("over"), backends.Cond{})
	if err == nil {
		err = renamer.Rename(ctx, r.at("folder"), r.at("folder 2"), backends.Cond{})
	}
	if err != nil {
		return r.failed(err, "fails with the same")
	}
	over, err1 := r.get(ctx, "over", "", 0, -1)
	moved, err2 := r.get(ctx, "folder 2/file", "", 0, -1)
	_, gone := r.Stat(ctx, r.at("old"))
	if err1 != nil || err2 != nil || over != "old" || moved != "folder/file" || !errors.Is(gone, iofs.ErrNotExist) {
		return Row{Found: "what was renamed is not where it should be", Does: "nothing can be done: do not rename here", Level: Fail}
	}
	return Row{Found: "of files, also over others, and of folders", Level: OK}
}

// moment is a time that tells how finely times are kept.
var moment = time.Date(2001, 2, 3, 4, 5, 6, 123456789, time.UTC)

// grains are how finely times may be kept.
var grains = []struct {
	d    time.Duration
	text string
}{
	{1, "to the nanosecond"}, {100, "to 100 ns"}, {time.Microsecond, "to the microsecond"}, {time.Millisecond, "to the millisecond"},
	{time.Second, "to the second"}, {2 * time.Second, "to two seconds"},
}

// times finds out whether a file keeps the time that it is given.
func (r *run) times(ctx context.Context) Row {
	if _, err := r.put(ctx, "times", hello, backends.Meta{ModTime: moment}, backends.Cond{}); err != nil {
		return r.failed(err, "")
	}
	e, err := r.Stat(ctx, r.at("times"))
	if err != nil {
		return r.failed(err, "")
	}
	kept := e.ModTime
	if e.Meta != nil && !e.Meta.ModTime.IsZero() {
		kept = e.Meta.ModTime
	}
	for _, g := range grains {
		if diff := moment.Sub(kept).Abs(); diff < g.d {
			if g.d > time.Second {
				return Row{Found: "kept " + g.text, Does: "keeps the rest in the library", Level: Warn}
			}
			return Row{Found: "kept " + g.text, Level: OK}
		}
	}
	return Row{Found: "not kept: a file has the time at which it was sent", Does: "keeps times in the library: other machines do not see them", Level: Warn}
}

// attributes finds out what else of a local file travels with it.
func (r *run) attributes(ctx context.Context) Row {
	uid, gid := uint32(1234), uint32(5678)
	m := backends.Meta{Mode: 0o100640, UID: &uid, GID: &gid, Xattrs: map[string][]byte{"user.color": []byte("blue\x00")}}
	if _, err := r.put(ctx, "attributes", hello, m, backends.Cond{}); err != nil {
		return r.failed(err, "")
	}
	link := backends.Meta{Mode: 0o120777, LinkTarget: "some/where"}
	if _, err := r.put(ctx, "link", "", link, backends.Cond{}); err != nil {
		return r.failed(err, "")
	}
	e, err := r.Stat(ctx, r.at("attributes"))
	l, err2 := r.Stat(ctx, r.at("link"))
	if err = errors.Join(err, err2); err != nil {
		return r.failed(err, "")
	}
	var kept, lost []string
	file, to := meta(e), meta(l)
	for _, tt := range []struct {
		what string
		kept bool
	}{
		{"mode", file.Mode&0o7777 == 0o640},
		{"owner", file.UID != nil && *file.UID == uid && file.GID != nil && *file.GID == gid},
		{"extended attributes", bytes.Equal(file.Xattrs["user.color"], []byte("blue\x00"))},
		{"symbolic links", l.Kind == backends.Symlink && to.LinkTarget == "some/where"},
	} {
		if tt.kept {
			kept = append(kept, tt.what)
		} else {
			lost = append(lost, tt.what)
		}
	}
	switch {
	case len(lost) == 0:
		return Row{Found: "kept: " + strings.Join(kept, ", "), Level: OK}
	case len(kept) == 0:
		return Row{Found: "not kept", Does: "keeps them in the library: other machines do not see them", Level: Warn}
	}
	return Row{
		Found: "kept: " + strings.Join(kept, ", ") + "; not kept: " + strings.Join(lost, ", "),
		Does:  "keeps the rest in the library: other machines do not see it", Level: Warn,
	}
}

func meta(e backends.Entry) backends.Meta {
	if e.Meta == nil {
		return backends.Meta{}
	}
	return *e.Meta
}

// changes changes the time of a file without sending it again.
func (r *run) changes(ctx context.Context) Row {
	copier, ok := r.Backend.(backends.Copier)
	if !ok {
		return Row{Found: "not possible without sending the file", Does: "keeps changes of time and mode in the library", Level: Warn}
	}
	if _, err := r.putPlain(ctx, "changed", hello); err != nil {
		return r.failed(err, "")
	}
	at := moment.Truncate(time.Second)
	said, err := copier.Copy(ctx, r.at("changed"), r.at("changed"), backends.CopyOptions{Meta: &backends.Meta{ModTime: at, Mode: 0o100600}})
	switch {
	case errors.Is(err, errors.ErrUnsupported), err == nil && !meta(said).ModTime.Equal(at) && !said.ModTime.Equal(at):
		return Row{Found: "not possible without sending the file", Does: "keeps changes of time and mode in the library", Level: Warn}
	case err != nil:
		return r.failed(err, "")
	}
	e, err := r.Stat(ctx, r.at("changed"))
	if err != nil {
		return r.failed(err, "")
	}
	got, err := r.get(ctx, "changed", "", 0, -1)
	switch {
	case err != nil:
		return r.failed(err, "")
	case got != hello:
		return Row{Found: "it changed the bytes", Does: "nothing can be done: do not use this store", Level: Fail}
	case !meta(e).ModTime.Equal(at) && !e.ModTime.Equal(at):
		return Row{Found: "said to be done, but it is not", Does: "keeps changes of time and mode in the library", Level: Warn}
	}
	return Row{Found: "without sending the file again", Level: OK}
}

// sums compares the checksums that the service gives away with those of what was written.
func (r *run) sums(ctx context.Context) Row {
	content := strings.Repeat(hello, 100)
	if _, err := r.putPlain(ctx, "sums", content); err != nil {
		return r.failed(err, "")
	}
	e, err := r.Stat(ctx, r.at("sums"))
	if err != nil {
		return r.failed(err, "")
	}
	var right, wrong, open []string
	for _, s := range e.Sums {
		switch known, ok := sumOf(s.Algorithm, content); {
		case !ok:
			open = append(open, s.Algorithm)
		case known == strings.ToLower(s.Hex):
			right = append(right, s.Algorithm)
		default:
			wrong = append(wrong, s.Algorithm)
		}
	}
	slices.Sort(right)
	switch {
	case len(wrong) > 0:
		return Row{
			Found: "those called " + strings.Join(wrong, ", ") + " are none of the bytes (of encrypted ones, perhaps)",
			Does:  "takes files for equal by the BLAKE3 that it stores with them alone", Level: Warn,
		}
	case len(right) == 0 && len(open) > 0:
		return Row{Found: "tells " + strings.Join(open, ", "), Level: OK}
	case len(right) == 0:
		return Row{Found: "the service tells none", Does: "takes files for equal by the BLAKE3 that it stores with them, or after a full read", Level: Warn}
	}
	found := "right: " + strings.Join(right, ", ")
	if len(open) > 0 {
		found += "; not compared: " + strings.Join(open, ", ")
	}
	return Row{Found: found, Level: OK}
}

// sumOf computes a checksum in hex, if it is one of those that everybody can.
func sumOf(algorithm, content string) (string, bool) {
	var sum []byte
	switch algorithm {
	case "md5":
		s := md5.Sum([]byte(content))
		sum = s[:]
	case "sha1":
		s := sha1.Sum([]byte(content))
		sum = s[:]
	case "sha256":
		s := sha256.Sum256([]byte(content))
		sum = s[:]
	case "crc32c":
		sum = binary.BigEndian.AppendUint32(nil, crc32.Checksum([]byte(content), crc32.MakeTable(crc32.Castagnoli)))
	default:
		return "", false
	}
	return hex.EncodeToString(sum), true
}

// versions tells what becomes of what is removed.
func (r *run) versions(ctx context.Context) Row {
	u, ok := r.Backend.(backends.Undeleter)
	if !ok {
		return Row{Found: "sd knows of none here; a bin of the service's own may keep what is removed, also what was tried here", Does: "'sd rm' moves files to a trash of its own", Level: OK}
	}
	keeps, err := u.KeepsVersions(ctx)
	switch {
	case err != nil:
		return r.failed(err, "")
	case !keeps:
		return Row{Found: "none are kept, as far as this account may know", Does: "'sd rm' moves files to a trash of its own", Level: OK}
	}
	found := "kept of all that is removed or replaced"
	if _, ok := r.Backend.(backends.Purger); !ok {
		found += ", also of what was tried here"
	}
	return Row{Found: found, Does: "'sd trash' brings them back from there; they cost until a rule of the bucket ends them", Level: OK}
}

// space tells how full the store is.
func (r *run) space(ctx context.Context) Row {
	m, ok := r.Backend.(backends.Meter)
	if !ok {
		return Row{Found: "the service does not tell", Does: "df shows 1 PiB, all of it free", Level: OK}
	}
	used, free, err := m.Usage(ctx)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return Row{Found: "the service does not tell", Does: "df shows 1 PiB, all of it free", Level: OK}
	case err != nil:
		return r.failed(err, "")
	case free < 0:
		return Row{Found: size(used) + " used; no limit is told", Level: OK}
	case free < r.o.Size:
		return Row{Found: fmt.Sprintf("%s used, only %s free", size(used), size(free)), Does: "writing fails with EDQUOT or ENOSPC when that is used up", Level: Warn}
	}
	return Row{Found: fmt.Sprintf("%s used, %s free", size(used), size(free)), Level: OK}
}

// watches tells whether the store tells what others do.
func (r *run) watches(context.Context) Row {
	if _, ok := r.Backend.(backends.Watcher); ok {
		return Row{Found: "the service tells them", Does: "shows them soon after they are told", Level: OK}
	}
	return Row{Found: "the service does not tell them", Does: "looks again when what it knows is older than the mount's --metadata-ttl", Level: OK}
}
