package guardian

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sd/identity"
	"sd/library/catalog"
)

var (
	// errTouched says that a file was written while it was read.
	errTouched = errors.New("it was written while it was read")
	// errNoFile says that something else has taken a file's name.
	errNoFile = errors.New("it is no longer a file")
)

// reading is what a file here held when it was read.
type reading struct {
	version catalog.FileVersion
	sum     identity.Sum
	print   identity.Print
}

// read reads a file from its disk, as far as the system lets it, and not from memory.
func (v *verifier) read(ctx context.Context, path string, progress func(int64)) (reading, error) {
	f, err := openToVerify(path)
	if errors.Is(err, unix.ELOOP) {
		return reading{}, errNoFile
	}
	if err != nil {
		return reading{}, err
	}
	defer f.Close()
	before, err := stat(f)
	switch {
	case err != nil:
		return reading{}, err
	case !before.regular:
		return reading{}, errNoFile
	case before.version.Size == 0:
		return reading{version: before.version}, nil
	}
	dropCached(f)
	r := reading{version: before.version}
	r.sum, r.print, err = identity.File(ctx, f, before.version.Size, progress)
	dropCached(f)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return reading{}, errTouched
	}
	if err != nil {
		return reading{}, err
	}
	after, err := stat(f)
	if err == nil && after != before {
		err = errTouched
	}
	return r, err
}

func stat(f *os.File) (onDisk, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return onDisk{}, err
	}
	return describe(&st), nil
}

// here reads a file of this device and says in f what became of it.
func (v *verifier) here(ctx context.Context, c *catalog.Copy, f *Finding) {
	for _, dir := range v.check.dead {
		if within(c.Path, dir) {
			f.Verdict, f.Why = Unreadable, fmt.Sprintf("the file system at /%s does not answer", dir)
			return
		}
	}
	r, err := v.read(ctx, "/"+c.Path, v.query.Progress)
	switch {
	case errors.Is(err, iofs.ErrNotExist) || errors.Is(err, unix.ENOTDIR):
		f.Verdict, f.Why = Missing, "it is no longer there"
		return
	case errors.Is(err, errTouched) || errors.Is(err, errNoFile):
		f.Verdict, f.Why = Changed, err.Error()
		return
	case err != nil:
		f.Verdict, f.Why = Unreadable, sayMissing(err).Error()
		return
	}
	f.Size = r.version.Size
	expected, err := v.expected(ctx, c, r.version)
	if err == nil {
		switch {
		case r.version.Size != c.File.Size || r.version.ModTime != c.File.ModTime:
			f.Verdict, f.Why = Changed, sayChanged(c, r.version)
			err = v.identify(ctx, c, r)
		case r.version.Size == 0 || expected == r.sum:
			f.Verdict = Intact
			err = v.identify(ctx, c, r)
		case expected == (identity.Sum{}):
			f.Verdict, f.Why = Identified, "its content was not known"
			err = v.identify(ctx, c, r)
		default:
			err = v.rotten(ctx, c, r, expected, f)
		}
	}
	if err != nil {
		v.stop(err)
	}
}

// expected is what a file of this version should hold; the zero Sum where that is not known.
func (v *verifier) expected(ctx context.Context, c *catalog.Copy, now catalog.FileVersion) (identity.Sum, error) {
	if rot, ok := v.known[rotKey{c.Place, c.Path}]; ok && rot.Size == now.Size && rot.ModTime == now.ModTime {
		return rot.Expected, nil // whatever it was taken for since
	}
	if c.File.Content == 0 {
		return identity.Sum{}, nil
	}
	content, err := v.guardian.catalog.ContentByKey(ctx, c.File.Content)
	if errors.Is(err, iofs.ErrNotExist) {
		return identity.Sum{}, nil
	}
	return content.BLAKE3, err
}

// identify writes down what a file holds, and that there is no rot in it.
func (v *verifier) identify(ctx context.Context, c *catalog.Copy, r reading) error {
	if c.File.FileVersion() != r.version || !c.File.Proof.Proven() && r.version.Size > 0 {
		err := v.guardian.catalog.Update(ctx, func(tx *catalog.Tx) error {
			now, ok, err := tx.File(c.Folder, c.File.Name)
			if err != nil || !ok || now.FileVersion() != c.File.FileVersion() {
				return err // a scan was faster, and knows better
			}
			if now.FileVersion() != r.version {
				now.Size, now.ModTime, now.Version = r.version.Size, r.version.ModTime, r.version.Version
				now.Content, now.Proof, now.Hint, now.Sums = 0, catalog.Unknown, 0, ""
				if err := tx.PutFile(c.Folder, &now); err != nil {
					return err
				}
			}
			if r.version.Size > 0 {
				_, err = tx.Identify(c.Folder, c.File.Name, r.version, r.sum, r.print, catalog.Read)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if _, ok := v.known[rotKey{c.Place, c.Path}]; !ok {
		return nil
	}
	return v.guardian.library.ForgetRot(ctx, c.Place, c.Path)
}

func sayChanged(c *catalog.Copy, now catalog.FileVersion) string {
	if now.Size != c.File.Size {
		return fmt.Sprintf("it had %d bytes and has %d", c.File.Size, now.Size)
	}
	return "it was written on " + time.Unix(0, now.ModTime).Format(time.DateTime)
}
