// Package trash puts removed files where they can be brought back from.
//
// Local files go to the trash of the desktop (FreeDesktop.org Trash specification 1.0): that of
// the user's home where it is on the same file system, else the one at the top of the file
// system that they lie on. They are renamed, never copied, a folder as a whole; so other programs
// show them and can bring them back too. In a volume that keeps versions a file is just
// removed. In others it is copied, inside the store, below .sd-trash/ at the top, and then removed.
//
// Both ways can be done again after they were cut off: whose turn it was is known by the name
// that the caller gives to each removal.
package trash

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"sd/actions/stores"
	"sd/backends"
)

// Folder is where a volume has its trash.
const Folder = ".sd-trash"

var (
	// ErrNoTrash says that what is to be removed cannot be kept.
	ErrNoTrash = errors.New("there is no trash for it: --permanent removes it for good")
	// ErrInTrash says that a file is in the trash already.
	ErrInTrash = errors.New("it lies in the trash: --permanent removes it for good")
	// ErrMounted says that a folder is another file system's top.
	ErrMounted = errors.New("a file system is mounted there: unmount it first")
)

// Put moves the file e of st to the trash, if it still is that Version; a local folder goes as a
// whole. It tells where it is now, for Restore. Unique names the removal: LIBRARY-JOB-STEP;
// called with it again, Put goes on. Errors are backends.ErrChanged for another version,
// fs.ErrNotExist for what was gone before, ErrNoTrash, ErrInTrash and ErrMounted, and those of
// package backends.
func Put(ctx context.Context, st stores.Store, e stores.Entry, unique string) (where string, err error) {
	if err := ctx.Err(); err != nil {
		return "", context.Cause(ctx)
	}
	switch st := st.(type) {
	case *stores.Local:
		return putLocal(ctx, st, &e, unique)
	case *stores.Volume:
		return putObject(ctx, st, &e, unique)
	}
	return "", &fs.PathError{Op: "trash", Path: e.Name, Err: ErrNoTrash}
}

// Clean takes back what a Put that was cut off, and will not go on, has begun for e: a copy in the
// trash of what has not gone. What has gone stays in the trash.
func Clean(ctx context.Context, st stores.Store, e stores.Entry, unique string) error {
	switch st := st.(type) {
	case *stores.Local:
		return cleanLocal(&e, unique)
	case *stores.Volume:
		return cleanObject(ctx, st, &e, unique)
	}
	return nil
}

// Restore brings back to name what Put has put where, and describes it; folders on the way are
// made again. Nothing is replaced: fs.ErrExist. What is not in the trash any more is
// fs.ErrNotExist, also where Restore itself has brought it back before: who tries again after an
// unknown end looks whether name is there.
func Restore(ctx context.Context, st stores.Store, where, name string) (stores.Entry, error) {
	if err := ctx.Err(); err != nil {
		return stores.Entry{}, context.Cause(ctx)
	}
	switch st := st.(type) {
	case *stores.Local:
		return restoreLocal(ctx, st, where, name)
	case *stores.Volume:
		return restoreObject(ctx, st, where, name)
	}
	return stores.Entry{}, &fs.PathError{Op: "restore", Path: name, Err: ErrNoTrash}
}

// changed says that e is another version by now.
func changed(e *stores.Entry) error {
	return &fs.PathError{Op: "trash", Path: e.Name,
		Err: fmt.Errorf("%w: it was left where it is", backends.ErrChanged)}
}

// taken says that what is to come back has no place.
func taken(name string) error {
	return &fs.PathError{Op: "restore", Path: name,
		Err: fmt.Errorf("%w: move it away first", fs.ErrExist)}
}

// absent says that nothing is there to come back.
func absent(name string) error {
	return &fs.PathError{Op: "restore", Path: name,
		Err: fmt.Errorf("it is not in the trash any more: %w", fs.ErrNotExist)}
}
