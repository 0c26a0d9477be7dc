package main

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"testing"

	"sd/library"
)

func TestLocationFault(t *testing.T) {
	full := errors.New("the disk is full")
	for _, tt := range []struct {
		err  error
		want string
	}{
		{full, "docs: the disk is full"},
		{errors.Join(full, full), "docs: the disk is full"},
		{fmt.Errorf("location %q: %w", "docs", &iofs.PathError{Op: "walk", Err: full}), "docs: the disk is full"},
		{fmt.Errorf("location %q: %w", "docs", &iofs.PathError{Op: "open", Path: "/x", Err: full}), "docs: open /x: the disk is full"},
	} {
		if got := locationFault(library.Location{Name: "docs"}, tt.err); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.err, got, tt.want)
		}
	}
}
