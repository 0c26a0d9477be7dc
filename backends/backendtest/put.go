package backendtest

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"strings"
	"sync"

	"sd/backends"
)

func (s *store) put(name, content string, c backends.Cond) (backends.Entry, error) {
	r := strings.NewReader(content)
	return s.Backend.(backends.Putter).Put(s.ctx(), name, r, r.Size(), backends.Meta{}, c)
}

// conditions skips the rest of a test of a store that only tries to keep them.
func (s *store) conditions() {
	s.Helper()
	if s.opts.WeakCond {
		s.Skip("the server behind this store ignores conditions")
	}
}

// race runs attempt n times at once and returns how many had no error. All others
// must fail with one of targets.
func (s *store) race(n int, attempt func(i int) error, targets ...error) int {
	s.Helper()
	results := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { results[i] = attempt(i) })
	}
	all.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
			continue
		}
		expected := false
		for _, target := range targets {
			expected = expected || errors.Is(err, target)
		}
		if !expected {
			s.Errorf("a loser of the race got %v, want one of %v", err, targets)
		}
	}
	return won
}

// brokenSource has size bytes by what it says but fails, or ends, in the middle.
type brokenSource struct {
	*strings.Reader
	err error
}

func (b *brokenSource) Read(p []byte) (int, error) {
	if b.Len() == 0 {
		return 0, b.err
	}
	return b.Reader.Read(p)
}

// WriteTo would hide the error from io.Copy.
func (b *brokenSource) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

var putTests = []test{
	{"EntryIsTheNewOne", offers[backends.Putter], func(s *store) {
		for _, content := range []string{"", "x", "hello", Pattern(3 << 20)} {
			for _, name := range []string{"file", "a/b/c/file"} {
				e, err := s.put(name, content, backends.Cond{})
				if err != nil {
					s.Fatalf("Put(%q): %v", name, err)
				}
				at := s.stat(name)
				if e.Name != name || e.Kind != backends.File || e.Size != int64(len(content)) || e.Version != at.Version {
					s.Errorf("Put(%q) says %+v, Stat %+v", name, e, at)
				}
				s.wantFile(name, content)
			}
		}
		s.wantList("a/b/c", "file")
	}},
	{"FromTheSourcesOffset", offers[backends.Putter], func(s *store) {
		r := strings.NewReader("skipped content and more")
		if _, err := r.Seek(8, io.SeekStart); err != nil {
			s.Fatal(err)
		}
		_, err := s.Backend.(backends.Putter).Put(s.ctx(), "file", r, 7, backends.Meta{}, backends.Cond{})
		if err != nil {
			s.Fatal(err)
		}
		s.wantFile("file", "content")
	}},
	{"OverDirectory", offers[backends.Putter], func(s *store) {
		if s.opts.FileAndDir {
			s.Skip("a name may be both")
		}
		s.seed("dir/in", "x")
		_, err := s.put("dir", "y", backends.Cond{})
		s.wantErr("Put", "dir", err, backends.ErrIsDir)
		s.wantFile("dir/in", "x")
	}},
	{"BelowFile", offers[backends.Putter], func(s *store) {
		if s.opts.FileAndDir {
			s.Skip("a name may be both")
		}
		s.seed("file", "x")
		for _, name := range []string{"file/in", "file/in/deeper"} {
			_, err := s.put(name, "y", backends.Cond{})
			s.wantErr("Put", name, err, backends.ErrNotDir)
		}
		s.wantFile("file", "x")
	}},
	{"OfRoot", offers[backends.Putter], func(s *store) {
		if _, err := s.put("", "x", backends.Cond{}); err == nil {
			s.Error("the root was written as a file")
		}
	}},
	{"BrokenSourceChangesNothing", offers[backends.Putter], func(s *store) {
		s.seed("d/file", "old")
		version := s.stat("d/file").Version
		broken := errors.New("disk on fire")
		for _, name := range []string{"d/file", "d/new"} {
			for _, end := range []error{broken, io.EOF} {
				r := &brokenSource{strings.NewReader(Pattern(1 << 20)), end}
				_, err := s.Backend.(backends.Putter).Put(s.ctx(), name, r, 2<<20, backends.Meta{}, backends.Cond{})
				var pathErr *iofs.PathError
				if !errors.As(err, &pathErr) || pathErr.Path != name {
					s.Errorf("source ends with %v: got error %v, want a *fs.PathError", end, err)
				}
			}
		}
		s.wantFile("d/file", "old")
		if now := s.stat("d/file").Version; now != version {
			s.Errorf("version was %q, is %q after failed writes", version, now)
		}
		s.wantList("d", "file")
	}},
	{"CondAbsent", offers[backends.Putter], func(s *store) {
		s.conditions()
		if _, err := s.put("file", "first", backends.Cond{Absent: true}); err != nil {
			s.Fatal(err)
		}
		_, err := s.put("file", "second", backends.Cond{Absent: true})
		s.wantErr("Put", "file", err, iofs.ErrExist)
		s.wantFile("file", "first")
		won := s.race(8, func(i int) error {
			_, err := s.put("raced", fmt.Sprint(i), backends.Cond{Absent: true})
			return err
		}, iofs.ErrExist)
		if won != 1 {
			s.Errorf("%d of 8 writers made the file, want 1", won)
		}
	}},
	{"CondVersion", offers[backends.Putter], func(s *store) {
		s.conditions()
		s.seed("file", "first")
		first := s.stat("file").Version
		second, err := s.put("file", "second", backends.Cond{Version: first})
		if err != nil {
			s.Fatal(err)
		}
		_, err = s.put("file", "third", backends.Cond{Version: first})
		s.wantErr("Put", "file", err, backends.ErrChanged)
		s.wantFile("file", "second")
		won := s.race(8, func(i int) error {
			_, err := s.put("file", fmt.Sprintf("by writer %d", i), backends.Cond{Version: second.Version})
			return err
		}, backends.ErrChanged)
		if won != 1 {
			s.Errorf("%d of 8 writers replaced one version, want 1", won)
		}
		_, err = s.put("missing", "x", backends.Cond{Version: first})
		s.wantErr("Put", "missing", err, backends.ErrChanged, iofs.ErrNotExist)
		s.wantAbsent("missing")
	}},
	{"ReadersSeeWholeFiles", offers[backends.Putter], func(s *store) {
		contents := []string{strings.Repeat("A", 1<<20), strings.Repeat("B", 1<<20)}
		s.seed("file", contents[0])
		var all sync.WaitGroup
		all.Go(func() {
			for i := range 10 {
				if _, err := s.put("file", contents[i%2], backends.Cond{}); err != nil {
					s.Errorf("Put: %v", err)
				}
			}
		})
		for range 3 {
			all.Go(func() {
				for range 10 {
					r, e, err := s.Get(s.ctx(), "file", "", 0, -1)
					if err != nil {
						s.Errorf("Get: %v", err)
						continue
					}
					got, err := io.ReadAll(r)
					r.Close()
					if err == nil && (e.Size != 1<<20 || string(got) != contents[0] && string(got) != contents[1]) {
						s.Errorf("read %d bytes of %d, neither version", len(got), e.Size)
					}
				}
			})
		}
		all.Wait()
	}},
}

var removeTests = []test{
	{"File", offers[backends.Remover], func(s *store) {
		s.seed("d/file", "x", "d/other", "y")
		if err := s.remove("d/file", backends.Cond{}); err != nil {
			s.Fatal(err)
		}
		s.wantAbsent("d/file")
		s.wantList("d", "other")
	}},
	{"Missing", offers[backends.Remover], func(s *store) {
		s.seed("d/file", "x")
		for _, name := range []string{"none", "none/none", "d/none"} {
			if err := s.remove(name, backends.Cond{}); err != nil {
				s.wantErr("Remove", name, err, iofs.ErrNotExist)
			}
		}
	}},
	{"DirectoryStays", offers[backends.Remover], func(s *store) {
		s.seed("dir/in", "x")
		if err := s.remove("dir", backends.Cond{}); err != nil {
			s.wantErr("Remove", "dir", err, backends.ErrIsDir, iofs.ErrNotExist)
		}
		s.wantFile("dir/in", "x")
	}},
	{"CondVersion", offers[backends.Remover], func(s *store) {
		s.conditions()
		s.seed("file", "old")
		stale := s.stat("file").Version
		s.seed("file", "new")
		s.wantErr("Remove", "file", s.remove("file", backends.Cond{Version: stale}), backends.ErrChanged)
		s.wantFile("file", "new")
		if err := s.remove("file", backends.Cond{Version: s.stat("file").Version}); err != nil {
			s.Error(err)
		}
		s.wantAbsent("file")
	}},
}

func (s *store) remove(name string, c backends.Cond) error {
	return s.Backend.(backends.Remover).Remove(s.ctx(), name, c)
}
