package backendtest

import (
	iofs "io/fs"

	"sd/backends"
)

func (s *store) documents(namesAndContents ...string) {
	s.Helper()
	files := map[string]string{}
	for i := 0; i+1 < len(namesAndContents); i += 2 {
		files[namesAndContents[i]] = namesAndContents[i+1]
	}
	s.opts.Documents(s, s.Backend, files)
}

// readOnly checks that an entry is of a file that nobody can write.
func (s *store) readOnly(what string, e backends.Entry) {
	s.Helper()
	if e.Kind != backends.File || e.Meta == nil || e.Meta.Mode&0o777 != 0o444 {
		s.Errorf("%s of a document says %+v carrying %+v, want mode 444", what, e, e.Meta)
	}
}

// unsizedTests are about documents, which the service makes into bytes when it is asked. What
// these bytes are is the store's affair, but they are the same each time in one version.
var unsizedTests = []test{
	{"Listed", nil, func(s *store) {
		s.documents("d/doc", "hello")
		s.seed("d/file", "x")
		for _, e := range s.list("d") {
			switch e.Name {
			case "file":
				if e.Unsized || e.Size != 1 {
					s.Errorf("got %+v for a file", e)
				}
			default:
				if !e.Unsized || e.Size != 0 || e.Version != "" || e.ModTime.IsZero() {
					s.Errorf("got %+v, want Unsized with a time, neither size nor version", e)
				}
				s.readOnly("List", e)
				s.wantWhole("d/" + e.Name)
			}
		}
	}},
	{"Changed", nil, func(s *store) {
		s.documents("d/doc", "hello")
		name := "d/" + s.list("d")[0].Name
		old, was := s.stat(name), s.wantWhole(name)
		s.documents("d/doc", "hello, and more")
		now, is := s.stat(name), s.wantWhole(name)
		if old.Version == now.Version || was == is {
			s.Errorf("version %q became %q, bytes %s became %s", old.Version, now.Version, brief(was), brief(is))
		}
		if _, _, err := s.Get(s.ctx(), name, old.Version, 0, -1); err != nil {
			s.wantErr("Get", name, err, backends.ErrChanged)
		} else if got, _ := s.get(name, old.Version, 0, -1); got != was {
			s.Errorf("the old version reads %s, want %s", brief(got), brief(was))
		}
	}},
	{"CannotBeWritten", offers[backends.Putter], func(s *store) {
		s.documents("d/doc", "hello")
		name := "d/" + s.list("d")[0].Name
		before := s.wantWhole(name)
		for _, c := range []backends.Cond{{}, {Version: s.stat(name).Version}} {
			_, err := s.put(name, "other", c)
			s.wantErr("Put", name, err, iofs.ErrPermission)
		}
		if after := s.wantWhole(name); before != after {
			s.Errorf("got %s, want %s", brief(after), brief(before))
		}
	}},
	{"CanBeRemoved", offers[backends.Remover], func(s *store) {
		s.documents("d/doc", "hello")
		s.seed("d/file", "x")
		for _, e := range s.list("d") {
			if e.Unsized {
				if err := s.remove("d/"+e.Name, backends.Cond{}); err != nil {
					s.Fatal(err)
				}
			}
		}
		s.wantList("d", "file")
	}},
	{"CanBeRenamed", offers[backends.Renamer], func(s *store) {
		s.documents("d/doc", "hello")
		name := s.list("d")[0].Name
		before := s.wantWhole("d/" + name)
		s.seed("e/file", "x")
		s.mustRename("d/"+name, "e/"+name)
		if after := s.wantWhole("e/" + name); before != after {
			s.Errorf("got %s, want %s", brief(after), brief(before))
		}
		s.wantAbsent("d/" + name)
	}},
}

// wantWhole reads a document whole and in pieces, and checks both against what Stat says.
func (s *store) wantWhole(name string) string {
	s.Helper()
	e := s.stat(name)
	if e.Unsized || e.Version == "" || e.Size == 0 {
		s.Errorf("Stat(%q) = %+v, want size and version", name, e)
	}
	s.readOnly("Stat", e)
	whole, got := s.get(name, e.Version, 0, -1)
	if int64(len(whole)) != e.Size || got.Size != e.Size || got.Version != e.Version || got.Unsized {
		s.Errorf("%q: Stat says %+v, Get %+v and %d bytes", name, e, got, len(whole))
	}
	s.readOnly("Get", got)
	half := e.Size / 2
	first, _ := s.get(name, e.Version, 0, half)
	second, _ := s.get(name, e.Version, half, -1)
	if first+second != whole {
		s.Errorf("%q reads %s and %s, whole %s", name, brief(first), brief(second), brief(whole))
	}
	return whole
}
