package backendtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"sd/backends"
)

var contextTests = []test{
	{"EndedBefore", nil, func(s *store) {
		s.seed("d/file", "x")
		ctx, cancel := context.WithCancel(s.ctx())
		cancel()
		_, err := s.Stat(ctx, "d/file")
		s.wantErr("Stat", "d/file", err, context.Canceled)
		err = s.List(ctx, "d", func([]backends.Entry) error {
			s.Error("List yielded under an ended context")
			return nil
		})
		s.wantErr("List", "d", err, context.Canceled)
		_, _, err = s.Get(ctx, "d/file", "", 0, -1)
		s.wantErr("Get", "d/file", err, context.Canceled)
		if putter, ok := s.Backend.(backends.Putter); ok {
			_, err := putter.Put(ctx, "d/new", strings.NewReader("y"), 1, backends.Meta{}, backends.Cond{})
			s.wantErr("Put", "d/new", err, context.Canceled)
			s.wantAbsent("d/new")
		}
		if remover, ok := s.Backend.(backends.Remover); ok {
			s.wantErr("Remove", "d/file", remover.Remove(ctx, "d/file", backends.Cond{}), context.Canceled)
			s.wantFile("d/file", "x")
		}
		if renamer, ok := s.Backend.(backends.Renamer); ok {
			err := renamer.Rename(ctx, "d/file", "d/moved", backends.Cond{})
			s.wantErr("Rename", "d/file", err, context.Canceled)
			s.wantFile("d/file", "x")
		}
	}},
	{"EndedWhileListing", nil, func(s *store) {
		files := map[string]string{}
		for i := range 2*s.opts.PageSize + 1 {
			files[fmt.Sprintf("d/f%05d", i)] = ""
		}
		s.seedAll(files)
		ctx, cancel := context.WithCancel(s.ctx())
		defer cancel()
		entries := 0
		err := s.List(ctx, "d", func(page []backends.Entry) error {
			cancel()
			entries += len(page)
			return nil
		})
		if err == nil && entries != len(files) {
			s.Errorf("List ended without an error after %d of %d entries", entries, len(files))
		}
		if err != nil {
			s.wantErr("List", "d", err, context.Canceled)
		}
	}},
	{"EndedWhileReading", nil, func(s *store) {
		content := Pattern(5 << 20)
		s.seed("file", content)
		ctx, cancel := context.WithCancel(s.ctx())
		defer cancel()
		r, _, err := s.Get(ctx, "file", "", 0, -1)
		if err != nil {
			s.Fatal(err)
		}
		defer r.Close()
		head := make([]byte, 1000)
		if _, err := io.ReadFull(r, head); err != nil {
			s.Fatal(err)
		}
		cancel()
		rest, err := io.ReadAll(r)
		got := string(head) + string(rest)
		if !strings.HasPrefix(content, got) {
			s.Error("wrong bytes after the context ended")
		}
		if err == nil && len(got) != len(content) {
			s.Errorf("got %d of %d bytes and no error", len(got), len(content))
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			s.Errorf("got error %v, want %v", err, context.Canceled)
		}
	}},
}
