package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	iofs "io/fs"
	"path/filepath"
	"strings"
	"syscall"
)

// NameError says that a library cannot have that name.
type NameError struct{ Name, Why string }

func (e *NameError) Error() string {
	return fmt.Sprintf("library name %q cannot be used: %s; choose one such as \"photos\"", e.Name, e.Why)
}

// ExistsError says that there is a library of that name.
type ExistsError struct{ Name string }

func (e *ExistsError) Error() string {
	return fmt.Sprintf("library %q exists already: use it with \"sd library switch %s\" or choose another name", e.Name, e.Name)
}

// NotFoundError says that there is no library of that name.
type NotFoundError struct {
	Name  string
	Known []string
}

func (e *NotFoundError) Error() string {
	known := "there is none yet"
	if len(e.Known) > 0 {
		known = "there are: " + strings.Join(e.Known, ", ")
	}
	return fmt.Sprintf("no library %q (%s): make it with \"sd library create %s\" or choose one with \"sd library switch NAME\"", e.Name, known, e.Name)
}

// DamagedError says that a library's files are not, or no longer, those of a library.
// They were left as they are.
type DamagedError struct {
	Path string
	Err  error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("library file %s is damaged: %v; nothing was changed: put back a copy of it, or move %s away and make a new library with \"sd library create NAME\"",
		e.Path, e.Err, libraryOf(e.Path))
}

// Unwrap returns what was found.
func (e *DamagedError) Unwrap() error { return e.Err }

// NewerError says that a newer version of sd wrote the library. It was left as it is.
type NewerError struct {
	Path        string
	Have, Known int // schema versions: the library's, and the newest of this program
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("library %s was written by a newer sd (schema %d, this one knows up to %d): update sd on this device", e.Path, e.Have, e.Known)
}

// AccessError says that a file or directory of sd could not be read or written.
type AccessError struct {
	Path string
	Err  error
}

func (e *AccessError) Error() string {
	next := "check the disk"
	switch {
	case errors.Is(e.Err, syscall.EROFS):
		next = "it is on a read-only file system: choose another data directory with --data-dir"
	case errors.Is(e.Err, syscall.ENOSPC) || errors.Is(e.Err, syscall.EDQUOT):
		next = "make room on its disk"
	case errors.Is(e.Err, iofs.ErrPermission):
		next = "make it readable and writable for this user, or choose another data directory with --data-dir"
	}
	return fmt.Sprintf("%s cannot be used: %v; %s", e.Path, bare(e.Err), next)
}

// Unwrap returns the error of the operating system.
func (e *AccessError) Unwrap() error { return e.Err }

// libraryOf returns the library's directory for a path in it.
func libraryOf(path string) string {
	if strings.HasSuffix(path, suffix) {
		return path
	}
	return filepath.Dir(path)
}

// bare drops the path, which the message has already.
func bare(err error) error {
	var p *iofs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func access(path string, err error) error {
	if err == nil {
		return nil
	}
	return &AccessError{Path: path, Err: err}
}

// kind is what an error of SQLite means to a user.
type kind int

const (
	other kind = iota
	damaged
	forbidden
	busy
	full
	interrupted
)

// corruptError is the verdict of a check.
type corruptError struct{ verdict string }

func (e *corruptError) Error() string { return e.verdict }

func (l *Library) explain(op string, err error) error { return explain(l.dir, op, err) }

// explain gives an error of the database its type. Others come back as they are.
func explain(dir, op string, err error) error {
	if err == nil {
		return nil
	}
	if errors.As(err, new(*corruptError)) {
		return &DamagedError{Path: databasePath(dir), Err: err}
	}
	switch fault(err) {
	case damaged:
		return &DamagedError{Path: databasePath(dir), Err: err}
	case forbidden:
		return &AccessError{Path: databasePath(dir), Err: fmt.Errorf("%w: %w", iofs.ErrPermission, err)}
	case full:
		return &AccessError{Path: databasePath(dir), Err: fmt.Errorf("%w: %w", syscall.ENOSPC, err)}
	case busy:
		return fmt.Errorf("%s library %s: another process keeps it busy, try again: %w", op, dir, err)
	case interrupted:
		return fmt.Errorf("%s library %s: %w", op, dir, context.Canceled)
	}
	if errors.Is(err, sql.ErrConnDone) || err.Error() == "sql: database is closed" {
		return fmt.Errorf("%s library %s: %w", op, dir, iofs.ErrClosed)
	}
	return err
}
