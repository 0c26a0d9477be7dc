//go:build cgo

package library

import (
	"errors"

	"github.com/mattn/go-sqlite3"
)

// fault sorts an error of SQLite.
func fault(err error) kind {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return other
	}
	switch e.Code {
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB, sqlite3.ErrFormat, sqlite3.ErrSchema:
		return damaged
	case sqlite3.ErrCantOpen, sqlite3.ErrReadonly, sqlite3.ErrPerm, sqlite3.ErrAuth:
		return forbidden
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return busy
	case sqlite3.ErrFull:
		return full
	case sqlite3.ErrInterrupt:
		return interrupted
	case sqlite3.ErrIoErr:
		if e.ExtendedCode == sqlite3.ErrIoErrShortRead {
			return damaged
		}
	}
	return other
}
