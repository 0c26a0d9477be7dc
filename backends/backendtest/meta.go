package backendtest

import (
	iofs "io/fs"
	"maps"
	"strings"
	"time"

	"sd/backends"
)

// sample is Meta in which every field is known.
func sample() backends.Meta {
	uid, gid := uint32(1000), uint32(100)
	return backends.Meta{
		ModTime: time.Unix(1_234_567_890, 123_456_789), Mode: 0o100640, UID: &uid, GID: &gid,
		BLAKE3: strings.Repeat("0a", 32), ContentType: "text/x-odd",
		Xattrs: map[string][]byte{"user.colour": []byte("r\xf6d=, \x00\"%+"), "user.empty": {}},
	}
}

// wantMeta checks what Stat and Get say that a file carries. An entry that tells
// nothing is right as well: not every store can.
func (s *store) wantMeta(name string, want backends.Meta) {
	s.Helper()
	_, got := s.get(name, "", 0, -1)
	for what, e := range map[string]backends.Entry{"Stat": s.stat(name), "Get": got} {
		if e.Meta == nil {
			continue
		}
		m := *e.Meta
		if want.ContentType == "" {
			m.ContentType = ""
		}
		if !sameMeta(m, want) {
			s.Errorf("%s of %q says it carries %+v, want %+v", what, name, m, want)
		}
	}
}

func sameMeta(a, b backends.Meta) bool {
	same := func(a, b *uint32) bool { return a == b || a != nil && b != nil && *a == *b }
	return a.ModTime.Equal(b.ModTime) && a.Mode == b.Mode && same(a.UID, b.UID) && same(a.GID, b.GID) &&
		a.LinkTarget == b.LinkTarget && a.BLAKE3 == b.BLAKE3 && a.ContentType == b.ContentType &&
		maps.EqualFunc(a.Xattrs, b.Xattrs, func(a, b []byte) bool { return string(a) == string(b) })
}

// replaces skips the rest of a test where the server cannot replace what is carried.
func (s *store) replaces() {
	s.Helper()
	if s.opts.WeakMeta {
		s.Skip("the server behind this store keeps the old")
	}
}

// carries tells whether the store gives back what it was given.
func (s *store) carries() {
	s.Helper()
	if _, err := s.putMeta("carries", "x", sample()); err != nil {
		s.Fatal(err)
	}
	if s.stat("carries").Meta == nil {
		s.Skip("the store does not tell what a file carries")
	}
}

func (s *store) putMeta(name, content string, m backends.Meta) (backends.Entry, error) {
	r := strings.NewReader(content)
	return s.Backend.(backends.Putter).Put(s.ctx(), name, r, r.Size(), m, backends.Cond{})
}

var metaTests = []test{
	{"Put", offers[backends.Putter], func(s *store) {
		s.carries()
		for name, m := range map[string]backends.Meta{
			"d/all":     sample(),
			"d/nothing": {},
			"d/time":    {ModTime: time.Unix(1_700_000_000, 0)},
			"d/early":   {ModTime: time.Unix(5, 500)},
			"d/mode":    {Mode: 0o100755},
		} {
			e, err := s.putMeta(name, "content of "+name, m)
			if err != nil {
				s.Fatal(err)
			}
			if e.Meta == nil || !e.Meta.ModTime.Equal(m.ModTime) {
				s.Errorf("Put of %q says that it carries %+v, want %+v", name, e.Meta, m)
			}
			s.wantMeta(name, m)
		}
	}},
	{"GoesWithTheBytes", offers[backends.Putter], func(s *store) {
		s.replaces()
		s.carries()
		if _, err := s.putMeta("file", "old", sample()); err != nil {
			s.Fatal(err)
		}
		if _, err := s.putMeta("file", "new", backends.Meta{Mode: 0o100600}); err != nil {
			s.Fatal(err)
		}
		s.wantMeta("file", backends.Meta{Mode: 0o100600})
	}},
	{"Symlink", offers[backends.Putter], func(s *store) {
		s.carries()
		const target = "../some where/ö%20+&"
		m := backends.Meta{Mode: 0o120777, LinkTarget: target}
		if _, err := s.putMeta("d/link", target, m); err != nil {
			s.Fatal(err)
		}
		if e := s.stat("d/link"); e.Kind != backends.Symlink || e.Meta.LinkTarget != target {
			s.Errorf("got %+v carrying %+v", e, e.Meta)
		}
		if got, e := s.get("d/link", "", 0, -1); e.Kind != backends.Symlink || got != target {
			s.Errorf("got %+v with %q", e, got)
		}
	}},
	{"Upload", offers[backends.Uploader], func(s *store) {
		s.carries()
		u := s.begin("d/file", sample())
		u.commit(backends.Cond{}, u.send(1, "content"))
		s.wantMeta("d/file", sample())
	}},
	{"CopyTakesItOver", offers[backends.Copier], func(s *store) {
		s.carries()
		if _, err := s.copy("d/copy", "carries", backends.Cond{}); err != nil {
			s.Fatal(err)
		}
		s.wantMeta("d/copy", sample())
	}},
	{"CopyReplacesIt", offers[backends.Copier], func(s *store) {
		s.replaces()
		s.carries()
		want := backends.Meta{ModTime: time.Unix(99, 0), ContentType: "text/y"}
		e, err := s.copyWith("d/copy", "carries", backends.CopyOptions{Meta: &want})
		if err != nil || e.Meta == nil || !sameMeta(*e.Meta, want) {
			s.Errorf("Copy says %+v, %v", e, err)
		}
		s.wantMeta("d/copy", want)
		s.wantMeta("carries", sample())
	}},
	{"CopyOntoItself", offers[backends.Copier], func(s *store) {
		s.replaces()
		s.carries()
		old, want := s.stat("carries"), sample()
		want.Mode, want.Xattrs = 0o100755, nil
		e, err := s.copyWith("carries", "carries", backends.CopyOptions{Source: old.Version, Size: old.Size, Meta: &want})
		if err != nil {
			s.Fatal(err)
		}
		if at := s.stat("carries"); at.Version != e.Version || at.Size != old.Size {
			s.Errorf("Copy says %+v, Stat %+v", e, at)
		}
		s.wantMeta("carries", want)
		s.wantFile("carries", "x")
	}},
}

// copyOptionTests are about the source of a copy; its target is in copyTests.
var copyOptionTests = []test{
	{"Source", offers[backends.Copier], func(s *store) {
		s.seed("src", "old content", "dst", "replaced")
		stale := s.stat("src")
		s.seed("src", "the new content")
		present := s.stat("src")
		_, err := s.copyWith("dst", "src", backends.CopyOptions{Source: stale.Version, Size: stale.Size})
		s.wantErr("Copy", "src", err, backends.ErrChanged)
		s.wantFile("dst", "replaced")
		e, err := s.copyWith("dst", "src", backends.CopyOptions{Source: present.Version, Size: present.Size})
		if err != nil {
			s.Fatal(err)
		}
		if at := s.stat("dst"); e.Size != at.Size || e.Version != at.Version {
			s.Errorf("Copy says %+v, Stat %+v", e, at)
		}
		s.wantFile("dst", "the new content")
	}},
	{"SourceAndCond", offers[backends.Copier], func(s *store) {
		s.seed("src", "content", "dst", "present")
		src := s.stat("src")
		o := backends.CopyOptions{Source: src.Version, Size: src.Size, Cond: backends.Cond{Absent: true}}
		_, err := s.copyWith("dst", "src", o)
		s.wantErr("Copy", "dst", err, iofs.ErrExist)
		o.Cond = backends.Cond{Version: src.Version}
		_, err = s.copyWith("dst", "src", o)
		s.wantErr("Copy", "dst", err, backends.ErrChanged)
		_, err = s.copyWith("none", "src", o)
		s.wantErr("Copy", "none", err, backends.ErrChanged)
		s.wantFile("dst", "present")
		s.wantAbsent("none")
		o.Cond = backends.Cond{Absent: true}
		if _, err := s.copyWith("new", "src", o); err != nil {
			s.Error(err)
		}
		s.wantFile("new", "content")
	}},
}

func (s *store) copyWith(dst, src string, o backends.CopyOptions) (backends.Entry, error) {
	return s.Backend.(backends.Copier).Copy(s.ctx(), dst, src, o)
}
