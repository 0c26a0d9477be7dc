package backendtest

import (
	"fmt"
	iofs "io/fs"

	"sd/backends"
)

func (s *store) copy(dst, src string, c backends.Cond) (backends.Entry, error) {
	return s.Backend.(backends.Copier).Copy(s.ctx(), dst, src, backends.CopyOptions{Cond: c})
}

func (s *store) rename(oldName, newName string, c backends.Cond) error {
	return s.Backend.(backends.Renamer).Rename(s.ctx(), oldName, newName, c)
}

func (s *store) mustRename(oldName, newName string) {
	s.Helper()
	if err := s.rename(oldName, newName, backends.Cond{}); err != nil {
		s.Fatalf("Rename(%q, %q): %v", oldName, newName, err)
	}
}

func (s *store) mkdir(name string) {
	s.Helper()
	if err := s.Backend.(backends.DirMaker).Mkdir(s.ctx(), name); err != nil {
		s.Fatalf("Mkdir(%q): %v", name, err)
	}
}

var copyTests = []test{
	{"File", offers[backends.Copier], func(s *store) {
		s.seed("d/src", "content", "d/old", "replaced", "d/empty", "")
		for src, dst := range map[string]string{"d/src": "d/new", "d/empty": "d/empty2"} {
			e, err := s.copy(dst, src, backends.Cond{})
			if err != nil {
				s.Fatal(err)
			}
			if at := s.stat(dst); e.Name != dst || e.Size != at.Size || e.Version != at.Version {
				s.Errorf("Copy says %+v, Stat %+v", e, at)
			}
		}
		if _, err := s.copy("d/old", "d/src", backends.Cond{}); err != nil {
			s.Fatal(err)
		}
		s.wantFile("d/src", "content")
		s.wantFile("d/new", "content")
		s.wantFile("d/old", "content")
		s.wantFile("d/empty2", "")
	}},
	{"OddNames", offers[backends.Copier], func(s *store) {
		for _, name := range s.oddNames() {
			s.seed("d/"+name, name)
			if _, err := s.copy("e/"+name, "d/"+name, backends.Cond{}); err != nil {
				s.Errorf("Copy of %q: %v", name, err)
				continue
			}
			s.wantFile("e/"+name, name)
		}
	}},
	{"Missing", offers[backends.Copier], func(s *store) {
		s.seed("dir/in", "x")
		_, err := s.copy("dst", "none", backends.Cond{})
		s.wantErr("Copy", "none", err, iofs.ErrNotExist)
		_, err = s.copy("dst", "dir", backends.Cond{})
		s.wantErr("Copy", "dir", err, iofs.ErrNotExist, backends.ErrIsDir)
		s.wantAbsent("dst")
	}},
	{"Cond", offers[backends.Copier], func(s *store) {
		s.conditions()
		s.seed("src", "new", "dst", "old")
		stale := s.stat("dst").Version
		s.seed("dst", "present")
		_, err := s.copy("dst", "src", backends.Cond{Absent: true})
		s.wantErr("Copy", "dst", err, iofs.ErrExist)
		_, err = s.copy("dst", "src", backends.Cond{Version: stale})
		s.wantErr("Copy", "dst", err, backends.ErrChanged)
		s.wantFile("dst", "present")
		if _, err := s.copy("dst", "src", backends.Cond{Version: s.stat("dst").Version}); err != nil {
			s.Error(err)
		}
		s.wantFile("dst", "new")
	}},
}

var renameTests = []test{
	{"File", offers[backends.Renamer], func(s *store) {
		s.seed("d/a", "content", "e/b", "replaced")
		s.mustRename("d/a", "d/c")
		s.wantAbsent("d/a")
		s.wantFile("d/c", "content")
		s.mustRename("d/c", "e/b")
		s.wantFile("e/b", "content")
		s.wantList("e", "b")
		s.mustRename("e/b", "e/b")
		s.wantFile("e/b", "content")
	}},
	{"OddNames", offers[backends.Renamer], func(s *store) {
		for _, name := range s.oddNames() {
			s.seed("d/"+name, name, "e/other", "")
			s.mustRename("d/"+name, "e/"+name)
			s.wantAbsent("d/" + name)
			s.wantFile("e/"+name, name)
		}
	}},
	{"Directory", offers[backends.Renamer], func(s *store) {
		s.seed("d/a/x", "1", "d/a/y/z", "2", "d/other", "3", "d/ab/x", "4")
		s.mustRename("d/a", "d/moved")
		s.wantAbsent("d/a")
		s.wantAbsent("d/a/x")
		s.wantList("d", "moved/", "other", "ab/")
		s.wantFile("d/moved/x", "1")
		s.wantFile("d/moved/y/z", "2")
		s.wantFile("d/ab/x", "4")
	}},
	{"Missing", offers[backends.Renamer], func(s *store) {
		s.seed("d/file", "x")
		s.wantErr("Rename", "none", s.rename("none", "d/new", backends.Cond{}), iofs.ErrNotExist)
		s.wantErr("Rename", "d/none", s.rename("d/none", "d/file", backends.Cond{}), iofs.ErrNotExist)
		s.wantFile("d/file", "x")
	}},
	{"Clashes", offers[backends.Renamer], func(s *store) {
		s.seed("file", "x", "dir/in", "y", "full/in", "z")
		s.wantErr("Rename", "dir", s.rename("file", "dir", backends.Cond{}), backends.ErrIsDir)
		s.wantErr("Rename", "file", s.rename("dir", "file", backends.Cond{}), backends.ErrNotDir)
		s.wantErr("Rename", "full", s.rename("dir", "full", backends.Cond{}), backends.ErrNotEmpty)
		s.wantErr("Rename", "file/in", s.rename("dir", "file/in", backends.Cond{}), backends.ErrNotDir)
		for _, into := range []string{"dir/in2", "dir/in/deeper"} {
			if err := s.rename("dir", into, backends.Cond{}); err == nil {
				s.Errorf("a directory moved into itself, to %q", into)
			}
		}
		s.wantFile("file", "x")
		s.wantFile("dir/in", "y")
		s.wantFile("full/in", "z")
		s.wantList("", "file", "dir/", "full/")
	}},
	{"OverEmptyDirectory", func(b backends.Backend) bool {
		return offers[backends.Renamer](b) && offers[backends.DirMaker](b)
	}, func(s *store) {
		s.seed("dir/in", "x")
		s.mkdir("empty")
		s.mustRename("dir", "empty")
		s.wantAbsent("dir")
		s.wantFile("empty/in", "x")
	}},
	{"CondIsAboutTheNewName", offers[backends.Renamer], func(s *store) {
		s.conditions()
		s.seed("a", "1", "b", "2", "dir/in", "3", "full/in", "4")
		s.wantErr("Rename", "b", s.rename("a", "b", backends.Cond{Absent: true}), iofs.ErrExist)
		s.wantErr("Rename", "full", s.rename("dir", "full", backends.Cond{Absent: true}), iofs.ErrExist)
		stale := s.stat("b").Version
		s.seed("b", "present")
		s.wantErr("Rename", "b", s.rename("a", "b", backends.Cond{Version: stale}), backends.ErrChanged)
		s.wantFile("a", "1")
		s.wantFile("b", "present")
		if err := s.rename("a", "b", backends.Cond{Version: s.stat("b").Version}); err != nil {
			s.Error(err)
		}
		s.wantFile("b", "1")
		if err := s.rename("b", "c", backends.Cond{Absent: true}); err != nil {
			s.Error(err)
		}
		s.wantFile("c", "1")
	}},
	{"OneOfManyWins", offers[backends.Renamer], func(s *store) {
		s.conditions()
		for i := range 8 {
			s.seed(fmt.Sprintf("src%d", i), fmt.Sprint(i))
		}
		won := s.race(8, func(i int) error {
			return s.rename(fmt.Sprintf("src%d", i), "dst", backends.Cond{Absent: true})
		}, iofs.ErrExist)
		if left := len(s.list("")); won != 1 || left != 8 {
			s.Errorf("%d of 8 renames to one absent name won and %d files are there, want 1 and 8", won, left)
		}
	}},
}

var dirTests = []test{
	{"MakeAndRemove", offers[backends.DirMaker], func(s *store) {
		s.mkdir("dir")
		s.mkdir("dir/sub")
		if e := s.stat("dir/sub"); e.Kind != backends.Dir || e.Name != "dir/sub" {
			s.Errorf("got %+v", e)
		}
		s.wantList("", "dir/")
		s.wantList("dir", "sub/")
		s.wantList("dir/sub")
		s.wantErr("Rmdir", "dir", s.rmdir("dir"), backends.ErrNotEmpty)
		for _, name := range []string{"dir/sub", "dir"} {
			if err := s.rmdir(name); err != nil {
				s.Errorf("Rmdir(%q): %v", name, err)
			}
			s.wantAbsent(name)
		}
		s.wantList("")
	}},
	{"OddNames", offers[backends.DirMaker], func(s *store) {
		s.mkdir("d")
		for _, name := range s.oddNames() {
			s.mkdir("d/" + name)
			s.wantList("d", name+"/")
			s.wantList("d/" + name)
			if err := s.rmdir("d/" + name); err != nil {
				s.Errorf("Rmdir(%q): %v", name, err)
			}
		}
	}},
	{"OutlivesItsFiles", func(b backends.Backend) bool {
		return offers[backends.DirMaker](b) && offers[backends.Remover](b)
	}, func(s *store) {
		s.mkdir("dir")
		s.seed("dir/file", "x")
		s.wantErr("Rmdir", "dir", s.rmdir("dir"), backends.ErrNotEmpty)
		if err := s.remove("dir/file", backends.Cond{}); err != nil {
			s.Fatal(err)
		}
		s.wantList("dir")
	}},
	{"MkdirOverSomething", offers[backends.DirMaker], func(s *store) {
		s.seed("file", "x", "implied/in", "y")
		s.mkdir("made")
		for _, name := range []string{"", "file", "implied", "made"} {
			s.wantErr("Mkdir", name, s.Backend.(backends.DirMaker).Mkdir(s.ctx(), name), iofs.ErrExist)
		}
		s.wantFile("file", "x")
		if !s.opts.FileAndDir {
			err := s.Backend.(backends.DirMaker).Mkdir(s.ctx(), "file/in")
			s.wantErr("Mkdir", "file/in", err, backends.ErrNotDir)
		}
	}},
	{"RmdirOfOthers", offers[backends.DirMaker], func(s *store) {
		s.seed("file", "x", "full/in", "y")
		s.wantErr("Rmdir", "none", s.rmdir("none"), iofs.ErrNotExist)
		s.wantErr("Rmdir", "file", s.rmdir("file"), backends.ErrNotDir)
		s.wantErr("Rmdir", "full", s.rmdir("full"), backends.ErrNotEmpty)
		if err := s.rmdir(""); err == nil {
			s.Error("the root was removed")
		}
		s.wantList("", "file", "full/")
	}},
}

func (s *store) rmdir(name string) error {
	return s.Backend.(backends.DirMaker).Rmdir(s.ctx(), name)
}
