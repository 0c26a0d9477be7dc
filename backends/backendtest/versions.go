package backendtest

import (
	iofs "io/fs"
	"testing"

	"sd/backends"
)

// RunVersions tests backends.Undeleter on stores that keep versions, one from each call of
// open; see Run.
func RunVersions(t *testing.T, open func(t *testing.T) backends.Backend, opts Options) {
	t.Helper()
	for _, tt := range undeleteTests {
		t.Run(tt.name, func(t *testing.T) { tt.run(&store{T: t, Backend: open(t), opts: opts}) })
	}
}

func (s *store) undelete(name, version string) (backends.Entry, error) {
	return s.Backend.(backends.Undeleter).Undelete(s.ctx(), name, version)
}

func (s *store) mustRemove(name string) {
	s.Helper()
	if err := s.Backend.(backends.Remover).Remove(s.ctx(), name, backends.Cond{}); err != nil {
		s.Fatalf("Remove(%q): %v", name, err)
	}
	s.wantAbsent(name)
}

var undeleteTests = []test{
	{"ComesBack", nil, func(s *store) {
		if keeps, err := s.Backend.(backends.Undeleter).KeepsVersions(s.ctx()); err != nil || !keeps {
			s.Fatalf("KeepsVersions = %v, %v, want true", keeps, err)
		}
		s.seed("d/file", "content", "d/file2", "other", "d/fil", "another")
		old := s.stat("d/file")
		s.mustRemove("d/file")
		for range 2 { // the answer to the first may be lost
			e, err := s.undelete("d/file", old.Version)
			if err != nil {
				s.Fatal(err)
			}
			if e.Name != "d/file" || e.Size != old.Size || e.Version != old.Version {
				s.Errorf("Undelete says %+v, want %+v", e, old)
			}
			s.wantFile("d/file", "content")
		}
		s.wantList("d", "file", "file2", "fil")
	}},
	{"NewestComesBack", nil, func(s *store) {
		s.seed("file", "first")
		first := s.stat("file").Version
		s.seed("file", "second")
		second := s.stat("file").Version
		s.mustRemove("file")
		_, err := s.undelete("file", first)
		s.wantErr("Undelete", "file", err, backends.ErrChanged)
		s.wantAbsent("file")
		if _, err := s.undelete("file", second); err != nil {
			s.Fatal(err)
		}
		s.wantFile("file", "second")
	}},
	{"RemovedAgain", nil, func(s *store) {
		s.seed("file", "first")
		for _, content := range []string{"second", "third"} {
			s.mustRemove("file")
			s.seed("file", content)
		}
		last := s.stat("file").Version
		s.mustRemove("file")
		if _, err := s.undelete("file", last); err != nil {
			s.Fatal(err)
		}
		s.wantFile("file", "third")
	}},
	{"MadeAnew", nil, func(s *store) {
		s.seed("file", "old")
		old := s.stat("file").Version
		s.mustRemove("file")
		s.seed("file", "of somebody else")
		_, err := s.undelete("file", old)
		s.wantErr("Undelete", "file", err, backends.ErrChanged)
		s.wantFile("file", "of somebody else")
	}},
	{"NeverThere", nil, func(s *store) {
		s.seed("file/in", "x", "fil", "y", "file2", "z")
		_, err := s.undelete("file", "")
		s.wantErr("Undelete", "file", err, iofs.ErrNotExist, backends.ErrIsDir)
	}},
	{"OddNames", nil, func(s *store) {
		for _, name := range s.oddNames() {
			s.seed("d/"+name, name)
			old := s.stat("d/" + name).Version
			s.mustRemove("d/" + name)
			if _, err := s.undelete("d/"+name, old); err != nil {
				s.Errorf("Undelete(%q): %v", "d/"+name, err)
				continue
			}
			s.wantFile("d/"+name, name)
		}
	}},
}
