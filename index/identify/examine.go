//go:build unix

package identify

import (
	"context"
	"errors"
	"io"
	"time"

	"sd/identity"
	"sd/library"
	"sd/library/catalog"
)

// racy is how long after a change of a file another one may leave its times as they are:
// clocks of file systems tick that slowly. What is read sooner says nothing.
const racy = 20 * time.Millisecond

// examiner reads local files, one after the other. It serves one goroutine.
type examiner struct {
	small identity.Small
	// passed is called as bytes of a large file are read; nil: nobody asks.
	passed func(n int64)
	read   int64 // of the file that it is at, as told to passed
}

// examine proves what a file of a folder holds, or for a larger one, unless whole, only takes
// its fingerprint as a hint. A file that is not the version was is ErrChanged.
func (x *examiner) examine(ctx context.Context, dir fd, name string, was catalog.FileVersion, whole, magic bool) (finding, error) {
	found := finding{name: name, was: was}
	f, err := openFile(dir, name)
	if err != nil {
		return found, err
	}
	defer f.close()
	if err := x.settled(ctx, f, was); err != nil {
		return found, err
	}
	switch {
	case was.Size <= identity.SmallSize:
		err = x.readSmall(f, &found, magic)
	case whole:
		f.sequential()
		f.protect()
		found.proof = catalog.Read
		found.sum, found.print, err = identity.File(ctx, f, was.Size, func(n int64) {
			x.read += n
			if x.passed != nil {
				x.passed(n)
			}
		})
		found.hint = uint64(found.print)
		if err == nil && magic {
			head := make([]byte, magicSize)
			_, err = f.ReadAt(head, 0)
			found.kind = KindOf(head)
		}
	default:
		err = readPrint(f, &found, magic)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, identity.ErrLonger) {
		return found, ErrChanged
	}
	if err != nil {
		return found, err
	}
	if now, _, _, err := f.stat(); err != nil || now != was {
		return found, errors.Join(err, ErrChanged)
	}
	return found, nil
}

// examineOne reads one file of this device, to its end.
func examineOne(ctx context.Context, lib *library.Library, place catalog.Place, path string, f *catalog.File) (finding, error) {
	dir, _ := catalog.Split(path)
	folder, err := openFolder(dir)
	if err != nil {
		return finding{}, err
	}
	defer folder.close()
	found, err := new(examiner).examine(ctx, folder, f.Name, f.FileVersion(), true, f.Kind == catalog.KindUnknown)
	if err == nil {
		err = compareKept(ctx, lib, place, path, folder, f, found.sum)
	}
	return found, err
}

// settled returns once f is a regular file of that version whose next change will show in
// its times.
func (x *examiner) settled(ctx context.Context, f fd, was catalog.FileVersion) error {
	for {
		now, ctime, regular, err := f.stat()
		if err != nil {
			return err
		}
		if !regular || now != was {
			return ErrChanged
		}
		age := time.Since(time.Unix(0, ctime))
		if age >= racy || age < -time.Second { // or the clock was set back, and tells nothing
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(racy - age):
		}
	}
}

// readSmall reads a whole file at one go.
func (x *examiner) readSmall(f fd, found *finding, magic bool) error {
	n, err := f.ReadAt(x.small.Bytes()[:found.was.Size+1], 0)
	if err != nil && err != io.EOF {
		return err
	}
	if int64(n) != found.was.Size {
		return ErrChanged
	}
	found.proof = catalog.Read
	found.sum, found.print = x.small.Identity(n)
	if magic {
		found.kind = KindOf(x.small.Bytes()[:n])
	}
	return nil
}

// readPrint takes the fingerprint of a larger file.
func readPrint(f fd, found *finding, magic bool) error {
	h := &headReader{fd: f}
	print, err := identity.Fingerprint(h, found.was.Size)
	if err != nil {
		return err
	}
	found.print, found.hint = print, uint64(print)
	if magic {
		found.kind = KindOf(h.head)
	}
	return nil
}

// headReader keeps how a file begins.
type headReader struct {
	fd
	head []byte
}

func (h *headReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := h.fd.ReadAt(p, off)
	if off == 0 {
		h.head = p[:n]
	}
	return n, err
}
