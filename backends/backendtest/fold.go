package backendtest

import (
	iofs "io/fs"
	"path"
	"strings"

	"sd/backends"
)

// folds tells whether a store is a CaseFolder that can be written.
func folds(b backends.Backend) bool {
	return offers[backends.CaseFolder](b) && offers[backends.Putter](b)
}

func (s *store) fold(name string) string { return s.Backend.(backends.CaseFolder).Fold(name) }

// foldTests are about stores where one file answers to its name in any case.
var foldTests = []test{
	{"Names", offers[backends.CaseFolder], func(s *store) {
		for _, same := range [][2]string{{"A/b.TXT", "a/B.txt"}, {"", ""}, {"caf\u00e9", "cafe\u0301"}, {"ÄÖ", "äö"}, {"Ж", "ж"}} {
			if a, b := s.fold(same[0]), s.fold(same[1]); a != b {
				s.Errorf("%q folds to %q and %q to %q", same[0], a, same[1], b)
			}
		}
		for _, different := range [][2]string{{"a", "b"}, {"a/b", "a"}, {"a b", "ab"}, {"a/b", "a_b"}, {"a.txt", "a"}, {"Straße", "strasse"}, {"ﬁle", "file"}} {
			if a, b := s.fold(different[0]), s.fold(different[1]); a == b {
				s.Errorf("%q and %q both fold to %q", different[0], different[1], a)
			}
		}
		for _, name := range s.oddNames() {
			if once := s.fold(name); s.fold(once) != once || s.fold("d/"+name) != s.fold("d")+"/"+once {
				s.Errorf("%q folds to %q, that to %q, and below d to %q", name, once, s.fold(once), s.fold("d/"+name))
			}
		}
	}},
	{"ReadInAnyCase", offers[backends.CaseFolder], func(s *store) {
		s.seed("Docs/Readme.TXT", "content")
		version := s.stat("Docs/Readme.TXT").Version
		for _, name := range []string{"Docs/Readme.TXT", "docs/readme.txt", "DOCS/README.TXT", "Docs/README.txt"} {
			e, err := s.Stat(s.ctx(), name)
			if err != nil || path.Base(e.Name) != "Readme.TXT" || e.Version != version {
				s.Errorf("Stat(%q) = %+v, %v, want the name as it was made and version %q", name, e, err, version)
			}
			got, e := s.get(name, version, 0, -1)
			if got != "content" || path.Base(e.Name) != "Readme.TXT" {
				s.Errorf("Get(%q) = %q of %+v", name, got, e)
			}
		}
		if e := s.stat("dOCS"); e.Kind != backends.Dir || e.Name != "Docs" {
			s.Errorf("got %+v, want the folder as it was made", e)
		}
		s.wantList("", "Docs/")
		s.wantList("DOCS", "Readme.TXT")
		if offers[backends.Walker](s.Backend) {
			s.wantWalk("", "", []string{"Docs/Readme.TXT"})
		}
	}},
	{"WriteInAnyCase", folds, func(s *store) {
		s.seed("Docs/Readme", "old")
		e, err := s.put("docs/README", "new", backends.Cond{})
		if err != nil || path.Base(e.Name) != "Readme" {
			s.Fatalf("Put says %+v, %v, want the name as it was made", e, err)
		}
		s.wantList("", "Docs/")
		s.wantList("Docs", "Readme")
		s.wantFile("Docs/Readme", "new")
		s.seed("dOcS/Other", "beside")
		s.wantList("", "Docs/")
		s.wantList("Docs", "Readme", "Other")
		s.conditions()
		_, err = s.put("docs/readme", "third", backends.Cond{Absent: true})
		s.wantErr("Put", "docs/readme", err, iofs.ErrExist)
		if _, err := s.put("DOCS/readme", "third", backends.Cond{Version: e.Version}); err != nil {
			s.Error(err)
		}
		_, err = s.put("docs/readme", "fourth", backends.Cond{Version: e.Version})
		s.wantErr("Put", "docs/readme", err, backends.ErrChanged)
		s.wantFile("Docs/Readme", "third")
	}},
	{"ComposedOrNot", folds, func(s *store) {
		const composed, apart = "d/caf\u00e9", "d/cafe\u0301"
		if !s.canHold(composed) || !s.canHold(apart) {
			s.Skip("the store does not hold such names")
		}
		s.seed(composed, "one")
		s.wantFile(apart, "one")
		s.seed(apart, "two")
		s.wantFile(composed, "two")
		if got := s.list("d"); len(got) != 1 {
			s.Errorf("got %q, want one file", labels(got))
		}
	}},
	{"RemoveInAnyCase", func(b backends.Backend) bool { return folds(b) && offers[backends.Remover](b) }, func(s *store) {
		s.seed("d/File", "x", "d/Other", "y")
		if err := s.remove("D/FILE", backends.Cond{}); err != nil {
			s.Fatal(err)
		}
		s.wantList("d", "Other")
	}},
	{"DirsInAnyCase", func(b backends.Backend) bool { return folds(b) && offers[backends.DirMaker](b) }, func(s *store) {
		s.mkdir("Dir")
		s.wantErr("Mkdir", "DIR", s.Backend.(backends.DirMaker).Mkdir(s.ctx(), "DIR"), iofs.ErrExist)
		s.mkdir("dir/Sub")
		s.wantList("", "Dir/")
		s.wantErr("Rmdir", "DIR", s.rmdir("DIR"), backends.ErrNotEmpty)
		if err := s.rmdir("DIR/SUB"); err != nil {
			s.Error(err)
		}
		s.wantList("Dir")
	}},
	{"RenameOfTheCaseAlone", func(b backends.Backend) bool { return folds(b) && offers[backends.Renamer](b) }, func(s *store) {
		s.seed("d/file", "x", "d/Folder/in", "y")
		for _, c := range []backends.Cond{{}, {Absent: true}} {
			for _, name := range []string{"d/FILE", "d/File"} {
				if err := s.rename("d/file", name, c); err != nil {
					s.Fatal(err)
				}
				s.wantList("d", strings.TrimPrefix(name, "d/"), "Folder/")
				s.wantFile("d/file", "x")
			}
		}
		s.mustRename("d/folder", "D/FOLDER")
		s.wantList("d", "File", "FOLDER/")
		s.wantFile("d/Folder/in", "y")
	}},
	{"RenameOverAnotherCase", func(b backends.Backend) bool { return folds(b) && offers[backends.Renamer](b) }, func(s *store) {
		s.seed("d/a", "new", "d/Name", "old")
		s.mustRename("d/A", "d/NAME")
		if got := s.list("d"); len(got) != 1 || !strings.EqualFold(got[0].Name, "name") {
			s.Errorf("got %q, want one file", labels(got))
		}
		s.wantFile("d/name", "new")
		s.seed("dir/in", "x")
		if err := s.rename("dir", "DIR/sub", backends.Cond{}); err == nil {
			s.Error("a folder moved into itself")
		}
		s.conditions()
		s.seed("d/b", "third")
		s.wantErr("Rename", "d/nAME", s.rename("d/b", "d/nAME", backends.Cond{Absent: true}), iofs.ErrExist)
	}},
}
