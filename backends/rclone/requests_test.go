package rclone

import (
	"fmt"
	"strings"
	"testing"

	"sd/backends"
	"sd/internal/clouds"
	"sd/internal/clouds/front"
)

// TestOneNameIsAskedFor holds each change of one file to a few requests, however many files lie
// beside it, and to none that reads the folder.
func TestOneNameIsAskedFor(t *testing.T) {
	c := clouds.Start(t)
	readsFolder := map[string]func(front.Request) bool{
		"drive": func(r front.Request) bool {
			return r.Route == "files.list" && !strings.Contains(r.Query.Get("q"), "name=")
		},
		"onedrive": func(r front.Request) bool { return r.Route == "items.children" },
		"dropbox":  func(r front.Request) bool { return strings.HasPrefix(r.Route, "files/list_folder") },
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			for i := range 300 {
				seed(c, kind, fmt.Sprintf("d/f%03d", i), "x")
			}
			s, srv := open(t, cloudConfig(c, kind)), serviceOf(c, kind)
			names(t, s, "d") // so that the folder is known
			ctx, renamer := t.Context(), s.(backends.Renamer)
			for _, op := range []struct {
				name string
				most int
				do   func() error
			}{
				{"stat", 1, func() error { _, err := s.Stat(ctx, "d/f007"); return err }},
				{"create", 4, func() error { put(t, s, "d/new", "content"); return nil }},
				{"replace", 4, func() error { put(t, s, "d/new", "other content"); return nil }},
				{"rename", 5, func() error { return renamer.Rename(ctx, "d/new", "d/moved", backends.Cond{}) }},
				{"rename over another", 10, func() error { return renamer.Rename(ctx, "d/moved", "d/f003", backends.Cond{}) }},
				{"remove", 3, func() error { return s.Remove(ctx, "d/f003", backends.Cond{}) }},
			} {
				srv.Forget()
				if err := op.do(); err != nil {
					t.Fatal(err)
				}
				if n := srv.Count(""); n > op.most {
					t.Errorf("%s: %d requests, want at most %d", op.name, n, op.most)
				}
				for _, r := range srv.Requests() {
					if readsFolder[kind](r) {
						t.Errorf("%s reads the folder: %s %v", op.name, r.Route, r.Query)
					}
				}
			}
			if got := len(names(t, s, "d")); got != 299 {
				t.Errorf("%d files are left, want 299", got)
			}
		})
	}
}
