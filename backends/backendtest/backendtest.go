// Package backendtest certifies a store: Run checks that it keeps every promise of
// package backends, for the required verbs and for each optional one it offers. Lab and
// Lossy do so for a store whose server fails, and loses its answers; WantKeys for one whose
// keys no POSIX name can hold.
//
// Only tests import it.
package backendtest

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sd/backends"
)

// Options tell what the suite cannot find out about a store. The zero Options fit
// one that offers Putter, holds any name and refuses what its contract refuses.
type Options struct {
	// Groups are those to run, by name; nil is all. It is for a second look at a store that is
	// certified, where only some of it is different.
	Groups []string
	// FewNames tries some odd names instead of all, for a second look at a store that is
	// certified with all.
	FewNames bool
	// Seed writes files, by name, into what open returned, replacing those that are
	// there. It is needed for a store without Putter.
	Seed func(t testing.TB, b backends.Backend, files map[string]string)
	// PageSize is the most entries that one page of this store holds. The suite lists
	// folders of several pages, so a store should be opened with small ones. 0 is 1000.
	PageSize int
	// WholePart is the size of parts that are not the last; 0 is the least that Limits
	// allow. A server for tests may be content with less.
	WholePart int64
	// CanHold tells whether the store can hold a file of that name; nil means any name
	// that has no empty, "." or ".." segment and no NUL.
	CanHold func(name string) bool
	// FileAndDir says that one name may be a file and a directory at once.
	FileAndDir bool
	// EmptyNames says that a file may have an empty name: in folder d its whole name is
	// "d/". It is not empty itself.
	EmptyNames bool
	// WeakCond says that conditions of Put, Remove and Copy are only tried, because the
	// server behind the store ignores some of them. They are then not tested.
	WeakCond bool
	// Documents makes documents, by name, in what open returned: files that listings yield
	// Unsized, and that cannot be written. It is needed for the group Unsized, which is left
	// out without it.
	Documents func(t testing.TB, b backends.Backend, files map[string]string)
	// Others gives the store that open returned as somebody else has it, for the group Watch;
	// nil is the store itself, whose own changes it must tell then.
	Others func(t testing.TB, b backends.Backend) backends.Backend
	// WeakMeta says that the server behind the store keeps what an object carried when it
	// is replaced.
	WeakMeta bool
}

// Run tests the stores that open returns, each of which must be empty and is used
// by one subtest. Open registers with t.Cleanup what ends a store.
func Run(t *testing.T, open func(t *testing.T) backends.Backend, opts Options) {
	t.Helper()
	if opts.PageSize == 0 {
		opts.PageSize = 1000
	}
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Stat", statTests},
		{"List", listTests},
		{"Get", getTests},
		{"Version", versionTests},
		{"Context", contextTests},
		{"Put", putTests},
		{"Remove", removeTests},
		{"Copy", slices.Concat(copyTests, copyOptionTests)},
		{"Upload", uploadTests},
		{"Meta", slices.Concat(metaTests, setMetaTests)},
		{"Rename", renameTests},
		{"Dirs", dirTests},
		{"Walk", walkTests},
		{"EmptyNames", emptyTests},
		{"Fold", foldTests},
		{"Unsized", unsizedTests},
		{"Watch", watchTests},
		{"Numbers", numberTests},
		{"Model", modelTests},
	} {
		if opts.Groups != nil && !slices.Contains(opts.Groups, group.name) {
			continue
		}
		t.Run(group.name, func(t *testing.T) {
			switch {
			case group.name == "EmptyNames" && !opts.EmptyNames:
				t.Skip("the store holds no such names")
			case group.name == "Unsized" && opts.Documents == nil:
				t.Skip("the store has no documents")
			}
			for _, tt := range group.tests {
				t.Run(tt.name, func(t *testing.T) {
					b := open(t)
					if tt.offered != nil && !tt.offered(b) {
						t.Skip("the store does not offer this verb")
					}
					tt.run(&store{T: t, Backend: b, opts: opts})
				})
			}
		})
	}
}

// test is one story. Offered is nil where the store needs no optional verb.
type test struct {
	name    string
	offered func(backends.Backend) bool
	run     func(*store)
}

func offers[Verb any](b backends.Backend) bool {
	_, ok := b.(Verb)
	return ok
}

// store is the store under test within one subtest.
type store struct {
	*testing.T
	backends.Backend
	opts Options
}

func (s *store) ctx() context.Context { return s.Context() }

// seed writes files given as name and content in turn.
func (s *store) seed(namesAndContents ...string) {
	s.Helper()
	files := map[string]string{}
	for i := 0; i+1 < len(namesAndContents); i += 2 {
		files[namesAndContents[i]] = namesAndContents[i+1]
	}
	s.seedAll(files)
}

func (s *store) seedAll(files map[string]string) {
	s.Helper()
	if s.opts.Seed != nil {
		s.opts.Seed(s, s.Backend, files)
		return
	}
	putter, ok := s.Backend.(backends.Putter)
	if !ok {
		s.Fatal("a store without Putter needs Options.Seed")
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		r := strings.NewReader(files[name])
		if _, err := putter.Put(s.ctx(), name, r, r.Size(), backends.Meta{}, backends.Cond{}); err != nil {
			s.Fatalf("put %q: %v", name, err)
		}
	}
}

// canHold reports whether a file of that name may be asked of the store.
func (s *store) canHold(name string) bool {
	return s.opts.CanHold == nil || s.opts.CanHold(name)
}

func (s *store) stat(name string) backends.Entry {
	s.Helper()
	e, err := s.Stat(s.ctx(), name)
	if err != nil {
		s.Fatalf("Stat(%q): %v", name, err)
	}
	return e
}

// list returns what List yields. It fails on empty pages and on children that come
// twice.
func (s *store) list(dir string) []backends.Entry {
	s.Helper()
	var all []backends.Entry
	err := s.List(s.ctx(), dir, func(page []backends.Entry) error {
		if len(page) == 0 {
			s.Errorf("List(%q) yielded an empty page", dir)
		}
		all = append(all, page...)
		return nil
	})
	if err != nil {
		s.Fatalf("List(%q): %v", dir, err)
	}
	seen := map[string]bool{}
	for _, e := range all {
		if label := label(e); seen[label] {
			s.Errorf("List(%q) yielded %q twice", dir, label)
		} else {
			seen[label] = true
		}
	}
	return all
}

// label is the entry's name, with a slash behind that of a directory.
func label(e backends.Entry) string {
	if e.Kind == backends.Dir {
		return e.Name + "/"
	}
	return e.Name
}

func labels(entries []backends.Entry) []string {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = label(e)
	}
	slices.Sort(names)
	return names
}

// wantList checks the children of dir, each with a slash behind a directory.
func (s *store) wantList(dir string, want ...string) {
	s.Helper()
	slices.Sort(want)
	if got := labels(s.list(dir)); !slices.Equal(got, want) {
		s.Errorf("List(%q) = %q, want %q", dir, got, want)
	}
}

// get reads n bytes at off and fails on any error.
func (s *store) get(name, version string, off, n int64) (string, backends.Entry) {
	s.Helper()
	r, e, err := s.Get(s.ctx(), name, version, off, n)
	if err != nil {
		s.Fatalf("Get(%q, %q, %d, %d): %v", name, version, off, n, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		s.Fatalf("Get(%q, %q, %d, %d): reading: %v", name, version, off, n, err)
	}
	return string(data), e
}

func (s *store) wantFile(name, want string) {
	s.Helper()
	if got, _ := s.get(name, "", 0, -1); got != want {
		s.Errorf("%q holds %s, want %s", name, brief(got), brief(want))
	}
}

func (s *store) wantAbsent(name string) {
	s.Helper()
	_, err := s.Stat(s.ctx(), name)
	s.wantErr("Stat", name, err, iofs.ErrNotExist)
}

// wantErr checks that err is a *fs.PathError about name that is one of targets.
func (s *store) wantErr(what, name string, err error, targets ...error) {
	s.Helper()
	var pathErr *iofs.PathError
	if !errors.As(err, &pathErr) {
		s.Errorf("%s(%q): got error %v, want a *fs.PathError with %v", what, name, err, targets)
		return
	}
	if pathErr.Path != name || pathErr.Op == "" {
		s.Errorf("%s(%q): got *fs.PathError{Op: %q, Path: %q}", what, name, pathErr.Op, pathErr.Path)
	}
	for _, target := range targets {
		if errors.Is(err, target) {
			return
		}
	}
	s.Errorf("%s(%q): got error %v, want one of %v", what, name, err, targets)
}

// Read reads n bytes at off of a file, as Get has it, and closes what it read.
func Read(ctx context.Context, b backends.Backend, name, version string, off, n int64) (string, backends.Entry, error) {
	r, e, err := b.Get(ctx, name, version, off, n)
	if err != nil {
		return "", e, err
	}
	text, err := io.ReadAll(r)
	return string(text), e, errors.Join(err, r.Close())
}

// Until waits for a condition, for a minute at most.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// brief shortens a content for an error message.
func brief(content string) string {
	const most = 60
	if len(content) > most {
		return strconv.Quote(content[:most]) + "…"
	}
	return strconv.Quote(content)
}
