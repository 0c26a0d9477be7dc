package backendtest

import (
	"errors"
	iofs "io/fs"
	"slices"
	"strings"

	"sd/backends"
)

// emptyTests are about files with an empty name: in folder d, the whole name is "d/".
var emptyTests = []test{
	{"Reading", emptyNames, func(s *store) {
		s.seed("d/", "nameless", "d/in", "x", "e/", "alone", "f//", "deeper", "g//in", "beside")
		s.wantList("", "d/", "e/", "f/", "g/")
		s.wantList("d", "", "in")
		s.wantList("e", "")
		s.wantList("f", "/")
		s.wantList("f/", "")
		s.wantList("g", "/")
		for name, want := range map[string]string{"d/": "nameless", "e/": "alone", "f//": "deeper"} {
			s.wantFile(name, want)
			if got, _ := s.get(name, "", 2, 3); got != want[2:5] {
				s.Errorf("bytes 2 to 5 of %q are %q", name, got)
			}
			if e := s.stat(name); e.Name != name || e.Kind != backends.File || e.Size != int64(len(want)) || e.Version == "" {
				s.Errorf("Stat(%q) = %+v, want a file of %d bytes", name, e, len(want))
			}
			dir := strings.TrimSuffix(name, "/")
			if e := s.stat(dir); e.Name != dir || e.Kind != backends.Dir {
				s.Errorf("Stat(%q) = %+v, want a directory", dir, e)
			}
		}
		s.wantAbsent("d/in/")
		if _, ok := s.Backend.(backends.Walker); ok {
			s.wantWalk("", "", []string{"d/", "d/in", "e/", "f//", "g//in"})
			s.wantWalk("d", "", []string{"d/", "d/in"})
			s.wantWalk("", "d/", []string{"d/in", "e/", "f//", "g//in"})
			s.wantWalk("f/", "", []string{"f//"})
		}
	}},
	{"BesideAFolder", emptyNames, func(s *store) {
		s.seed("d/", "file", "d//in", "inner")
		s.wantList("d", "", "/")
		s.wantList("d/", "in")
		if e := s.stat("d/"); e.Kind != backends.File {
			s.Errorf("Stat = %+v, want the file", e)
		}
		if d, ok := s.Backend.(backends.DirStater); ok {
			if e, err := d.StatDir(s.ctx(), "d/"); err != nil || e.Kind != backends.Dir || e.Name != "d/" {
				s.Errorf("StatDir = %+v, %v, want the folder", e, err)
			}
		}
	}},
	{"IsNoMarker", emptyDirs, func(s *store) {
		dirs, p := s.Backend.(backends.DirMaker), s.Backend.(backends.Putter)
		s.seed("d/", "file")
		err := dirs.Mkdir(s.ctx(), "d")
		s.wantErr("Mkdir", "d", err, iofs.ErrExist)
		err = dirs.Rmdir(s.ctx(), "d")
		s.wantErr("Rmdir", "d", err, backends.ErrNotEmpty)
		s.wantFile("d/", "file")

		if err := dirs.Mkdir(s.ctx(), "e"); err != nil {
			s.Fatal(err)
		}
		s.wantList("e")
		s.wantAbsent("e/")
		_, _, err = s.Get(s.ctx(), "e/", "", 0, -1)
		s.wantErr("Get", "e/", err, iofs.ErrNotExist, backends.ErrIsDir)
		err = s.Backend.(backends.Remover).Remove(s.ctx(), "e/", backends.Cond{})
		s.wantErr("Remove", "e/", err, iofs.ErrNotExist, backends.ErrIsDir)
		_, err = p.Put(s.ctx(), "e/", strings.NewReader(""), 0, backends.Meta{}, backends.Cond{})
		s.wantErr("Put of nothing", "e/", err, backends.ErrIsDir)
		s.wantList("e")
		// The marker is nothing that a condition asks about.
		if _, err = p.Put(s.ctx(), "e/", strings.NewReader("now"), 3, backends.Meta{}, backends.Cond{Absent: true}); err != nil {
			s.Fatal(err)
		}
		s.wantFile("e/", "now")
		s.wantList("e", "")
		_, err = p.Put(s.ctx(), "e/", strings.NewReader("again"), 5, backends.Meta{}, backends.Cond{Absent: true})
		s.wantErr("Put", "e/", err, iofs.ErrExist)
	}},
	{"CopyAndRemove", emptyNames, func(s *store) {
		c, ok := s.Backend.(backends.Copier)
		if !ok {
			s.Skip("the store does not copy")
		}
		s.seed("d/", "file", "d/in", "x", "hollow", "")
		from := s.stat("d/")
		for dst, src := range map[string]string{"plain": "d/", "e/": "d/", "f//": "d/in", "d//": "d/in"} {
			want, _ := s.get(src, "", 0, -1)
			if _, err := c.Copy(s.ctx(), dst, src, backends.CopyOptions{Cond: backends.Cond{Absent: true}}); err != nil {
				s.Fatal(err)
			}
			s.wantFile(dst, want)
		}
		_, err := c.Copy(s.ctx(), "g/", "hollow", backends.CopyOptions{})
		s.wantErr("Copy of nothing", "g/", err, backends.ErrIsDir)
		s.wantAbsent("g")
		_, err = c.Copy(s.ctx(), "e/", "d/in", backends.CopyOptions{Cond: backends.Cond{Absent: true}})
		s.wantErr("Copy", "e/", err, iofs.ErrExist)
		remover := s.Backend.(backends.Remover)
		for name, c := range map[string]backends.Cond{"d/": {Version: from.Version}, "e/": {}} {
			if err := remover.Remove(s.ctx(), name, c); err != nil {
				s.Fatal(err)
			}
			if _, _, err := s.Get(s.ctx(), name, "", 0, -1); !errors.Is(err, iofs.ErrNotExist) {
				s.Errorf("Get(%q) after its removal: %v", name, err)
			}
		}
	}},
	{"Upload", emptyNames, func(s *store) {
		u, ok := s.Backend.(backends.Uploader)
		if !ok {
			s.Skip("the store does not take parts")
		}
		up, err := u.Upload(s.ctx(), "d/", "", backends.Meta{})
		if err != nil {
			s.Fatal(err)
		}
		part, err := up.Part(s.ctx(), 1, strings.NewReader("in parts"), 8)
		if err != nil {
			s.Fatal(err)
		}
		if e, err := up.Commit(s.ctx(), []backends.Part{part}, backends.Cond{Absent: true}); err != nil || e.Name != "d/" || e.Size != 8 {
			s.Fatalf("got %+v, %v", e, err)
		}
		s.wantFile("d/", "in parts")
		if got := labels(s.list("d")); !slices.Equal(got, []string{""}) {
			s.Errorf("got %q", got)
		}
	}},
}

func emptyNames(b backends.Backend) bool {
	return offers[backends.Putter](b) && offers[backends.Remover](b)
}

func emptyDirs(b backends.Backend) bool { return emptyNames(b) && offers[backends.DirMaker](b) }
