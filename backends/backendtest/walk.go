package backendtest

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"slices"
	"strings"

	"sd/backends"
)

// walk returns the files that Walk yields, and checks the order of all it yields:
// key order, in which a directory has a slash behind its name.
func (s *store) walk(prefix, after string) []string {
	s.Helper()
	var files []string
	last := after
	err := s.Backend.(backends.Walker).Walk(s.ctx(), prefix, after, func(page []backends.Entry) error {
		if len(page) == 0 {
			s.Errorf("Walk(%q, %q) yielded an empty page", prefix, after)
		}
		for _, e := range page {
			if label(e) <= last {
				s.Errorf("Walk(%q, %q) yielded %q after %q", prefix, after, label(e), last)
			}
			last = label(e)
			if e.Kind != backends.Dir {
				files = append(files, e.Name)
			}
		}
		return nil
	})
	if err != nil {
		s.Fatalf("Walk(%q, %q): %v", prefix, after, err)
	}
	return files
}

func (s *store) wantWalk(prefix, after string, want []string) {
	s.Helper()
	if got := s.walk(prefix, after); !slices.Equal(got, want) {
		s.Errorf("Walk(%q, %q) = %q, want %q", prefix, after, got, want)
	}
}

var walkTests = []test{
	{"Tree", offers[backends.Walker], func(s *store) {
		names := []string{
			"a", "b-2/x", "b.txt", "b/c-d/x", "b/c.x", "b/c/d/e", "b/c/x", "b/c0", "b/z", "b0", "bb/x", "c c/é", "z",
		}
		files := map[string]string{}
		for _, name := range names {
			files[name] = name
		}
		s.seedAll(files)
		s.wantWalk("", "", names)
		s.wantWalk("b", "", []string{"b/c-d/x", "b/c.x", "b/c/d/e", "b/c/x", "b/c0", "b/z"})
		s.wantWalk("b/c", "", []string{"b/c/d/e", "b/c/x"})
		for i, after := range names {
			s.wantWalk("", after, names[i+1:])
		}
		for after, want := range map[string]int{"b": 1, "b/c": 3, "b/c/": 5, "b/c/d": 5, "b/": 3, "b0zzz": 10, "zz": 13} {
			s.wantWalk("", after, names[want:])
		}
		s.wantWalk("b", "b/c/d/e", []string{"b/c/x", "b/c0", "b/z"})
		s.wantWalk("b", "a", []string{"b/c-d/x", "b/c.x", "b/c/d/e", "b/c/x", "b/c0", "b/z"})
		s.wantWalk("b", "b0", nil)
	}},
	{"Entries", offers[backends.Walker], func(s *store) {
		s.seed("d/x/file", "hello", "d/empty", "")
		err := s.Backend.(backends.Walker).Walk(s.ctx(), "d", "", func(page []backends.Entry) error {
			for _, e := range page {
				at, err := s.Stat(s.ctx(), e.Name)
				if err != nil || e.Kind != at.Kind || e.Size != at.Size || e.Kind == backends.File && e.Version != at.Version {
					s.Errorf("Walk yields %+v, Stat says %+v, %v", e, at, err)
				}
			}
			return nil
		})
		if err != nil {
			s.Error(err)
		}
	}},
	{"ManyPages", offers[backends.Walker], func(s *store) {
		files := map[string]string{}
		for i := range 2*s.opts.PageSize + 1 {
			files[fmt.Sprintf("d%d/f%05d", i%3, i)] = ""
		}
		s.seedAll(files)
		names := slices.Sorted(maps.Keys(files))
		s.wantWalk("", "", names)
		middle := len(names) / 2
		s.wantWalk("", names[middle], names[middle+1:])
	}},
	{"OddNames", offers[backends.Walker], func(s *store) {
		files := map[string]string{}
		for _, name := range s.oddNames() {
			files["d/"+name] = ""
		}
		s.seedAll(files)
		s.wantWalk("d", "", slices.Sorted(maps.Keys(files)))
	}},
	{"Nothing", offers[backends.Walker], func(s *store) {
		s.wantWalk("", "", nil)
		s.seed("directory/in", "x", "file", "y")
		for _, prefix := range []string{"none", "dir", "file"} {
			err := s.Backend.(backends.Walker).Walk(s.ctx(), prefix, "", func(page []backends.Entry) error {
				s.Errorf("Walk(%q) yielded %q", prefix, labels(page))
				return nil
			})
			if err != nil {
				s.wantErr("Walk", prefix, err, iofs.ErrNotExist, backends.ErrNotDir)
			}
		}
	}},
	{"EndsEarly", offers[backends.Walker], func(s *store) {
		s.seed("a", "", "b", "")
		stop := errors.New("stop")
		walker := s.Backend.(backends.Walker)
		if err := walker.Walk(s.ctx(), "", "", func([]backends.Entry) error { return stop }); err != stop {
			s.Errorf("got error %v, want yield's own", err)
		}
		ctx, cancel := context.WithCancel(s.ctx())
		cancel()
		err := walker.Walk(ctx, "", "", func([]backends.Entry) error { return nil })
		s.wantErr("Walk", "", err, context.Canceled)
	}},
}

var numberTests = []test{
	{"Usage", offers[backends.Meter], func(s *store) {
		s.seed("d/file", strings.Repeat("x", 100))
		used, free, err := s.Backend.(backends.Meter).Usage(s.ctx())
		if errors.Is(err, errors.ErrUnsupported) {
			s.Skip("the service does not tell")
		}
		if err != nil || used < 0 {
			s.Errorf("Usage = %d, %d, %v", used, free, err)
		}
	}},
	{"Stats", offers[backends.Counter], func(s *store) {
		s.seed("d/file", strings.Repeat("x", 1000))
		counter := s.Backend.(backends.Counter)
		before := counter.Stats()
		s.list("d")
		s.stat("d/file")
		s.wantFile("d/file", strings.Repeat("x", 1000))
		after := counter.Stats()
		if asked(after) <= asked(before) || after.BytesIn < before.BytesIn+1000 {
			s.Errorf("Stats before: %+v; after List, Stat and Get of 1000 bytes: %+v", before, after)
		}
	}},
}

func asked(stats backends.Stats) (sum int64) {
	for _, n := range stats.Requests {
		sum += n
	}
	return sum
}
