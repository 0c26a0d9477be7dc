package backendtest

import (
	"errors"
	"fmt"
	iofs "io/fs"

	"sd/backends"
)

var listTests = []test{
	{"EmptyRoot", nil, func(s *store) { s.wantList("") }},
	{"Tree", nil, func(s *store) {
		s.seed("top", "1", "a/x", "22", "a/y", "", "a/b/c/deep", "333", "z/only", "4")
		s.wantList("", "a/", "top", "z/")
		s.wantList("a", "b/", "x", "y")
		s.wantList("a/b", "c/")
		s.wantList("a/b/c", "deep")
	}},
	{"FilesBesideFoldersOfOnePrefix", nil, func(s *store) {
		// In byte order '-' and '.' come before '/', '0' after it.
		s.seed("p/in", "1", "p-2/in", "2", "p.txt", "3", "p0", "4", "pp/p/in", "5", "p!", "6")
		s.wantList("", "p/", "p-2/", "p.txt", "p0", "pp/", "p!")
		s.wantList("p", "in")
		s.wantList("pp", "p/")
	}},
	{"FileAndDirOfOneName", nil, func(s *store) {
		if !s.opts.FileAndDir {
			s.Skip("the store keeps files and directories apart")
		}
		s.seed("both", "file", "both/in", "inner")
		s.wantList("", "both", "both/")
		s.wantList("both", "in")
		s.wantFile("both", "file")
		s.wantFile("both/in", "inner")
		d, ok := s.Backend.(backends.DirStater)
		if !ok {
			return
		}
		for name, want := range map[string]backends.Kind{"both": backends.Dir, "both/in": backends.File, "": backends.Dir} {
			if e, err := d.StatDir(s.ctx(), name); err != nil || e.Kind != want || e.Name != name {
				s.Errorf("StatDir(%q): %+v, %v", name, e, err)
			}
		}
		if _, err := d.StatDir(s.ctx(), "none"); !errors.Is(err, iofs.ErrNotExist) {
			s.Errorf("StatDir of nothing: %v", err)
		}
	}},
	{"EntriesAgreeWithStat", nil, func(s *store) {
		s.seed("d/file", "hello", "d/empty", "", "d/sub/in", "x")
		for _, e := range s.list("d") {
			whole := s.stat("d/" + e.Name)
			if e.Kind != whole.Kind || e.Size != whole.Size || e.Kind == backends.File && e.Version != whole.Version {
				s.Errorf("List yields %+v, Stat says %+v", e, whole)
			}
			if e.Kind == backends.File && e.ModTime.Unix() != whole.ModTime.Unix() {
				s.Errorf("%q: List says time %v, Stat %v", e.Name, e.ModTime, whole.ModTime)
			}
		}
	}},
	{"Missing", nil, func(s *store) {
		s.seed("file", "x", "dir/in", "y")
		for _, dir := range []string{"none", "di", "dir/none", "none/none"} {
			err := s.List(s.ctx(), dir, func([]backends.Entry) error { return nil })
			s.wantErr("List", dir, err, iofs.ErrNotExist)
		}
	}},
	{"OfFile", nil, func(s *store) {
		s.seed("file", "x")
		err := s.List(s.ctx(), "file", func([]backends.Entry) error { return nil })
		s.wantErr("List", "file", err, iofs.ErrNotExist, backends.ErrNotDir)
	}},
	{"OddNames", nil, func(s *store) {
		names := s.oddNames()
		files := map[string]string{}
		for _, name := range names {
			files["d/"+name] = name
		}
		s.seedAll(files)
		s.wantList("d", names...)
	}},
	{"ManyPages", nil, func(s *store) {
		files, want := map[string]string{"other/file": ""}, []string{}
		for i := range 2*s.opts.PageSize + 1 {
			name := fmt.Sprintf("f%05d", i)
			files["d/"+name] = "x"
			want = append(want, name)
		}
		s.seedAll(files)
		s.wantList("d", want...)
		s.wantList("", "d/", "other/")
	}},
	{"FoldersAcrossPages", nil, func(s *store) {
		// Each folder holds more than fits beside its neighbours in one page of keys.
		files, want := map[string]string{}, []string{}
		for i := range min(s.opts.PageSize, 10) + 1 {
			dir := fmt.Sprintf("d%02d", i)
			want = append(want, dir+"/", dir+".txt")
			files[dir+".txt"] = "x"
			for j := range 3 {
				files[fmt.Sprintf("%s/f%d", dir, j)] = "x"
			}
		}
		s.seedAll(files)
		s.wantList("", want...)
	}},
	{"ErrorOfYield", nil, func(s *store) {
		files := map[string]string{}
		for i := range s.opts.PageSize + 1 {
			files[fmt.Sprintf("d/f%05d", i)] = ""
		}
		s.seedAll(files)
		stop, pages := errors.New("stop"), 0
		err := s.List(s.ctx(), "d", func([]backends.Entry) error {
			pages++
			return stop
		})
		if err != stop || pages != 1 {
			s.Errorf("got error %v after %d pages, want yield's own after 1", err, pages)
		}
	}},
	{"WithinYield", nil, func(s *store) {
		s.seed("d/a", "1", "d/b", "22")
		err := s.List(s.ctx(), "d", func(page []backends.Entry) error {
			for _, e := range page {
				if got := s.stat("d/" + e.Name); got.Size != e.Size {
					s.Errorf("Stat within yield says %+v, List %+v", got, e)
				}
			}
			return nil
		})
		if err != nil {
			s.Error(err)
		}
	}},
}
