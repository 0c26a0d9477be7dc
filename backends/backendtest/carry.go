package backendtest

import (
	iofs "io/fs"
	"time"

	"sd/backends"
)

func (s *store) setMeta(name, version string, m backends.Meta) (backends.Entry, error) {
	return s.Backend.(backends.MetaSetter).SetMeta(s.ctx(), name, version, m)
}

// setMetaTests are about what a file carries, changed without its bytes.
var setMetaTests = []test{
	{"SetTime", offers[backends.MetaSetter], func(s *store) {
		s.seed("d/file", "content", "d/other", "x")
		old, at := s.stat("d/file"), time.Unix(1_234_567_890, 0)
		e, err := s.setMeta("d/file", old.Version, backends.Meta{ModTime: at})
		if err != nil {
			s.Fatal(err)
		}
		now := s.stat("d/file")
		if e.Name != "d/file" || e.Size != old.Size || e.Version != now.Version || !e.ModTime.Equal(now.ModTime) {
			s.Errorf("SetMeta says %+v, Stat %+v", e, now)
		}
		if !now.ModTime.Equal(at) && now.Version != old.Version {
			s.Errorf("the version is new and the time %v, want %v", now.ModTime, at)
		}
		if got, _ := s.get("d/file", e.Version, 0, -1); got != "content" {
			s.Errorf("got %q", got)
		}
		s.wantFile("d/other", "x")
	}},
	{"SetMetaOfAnother", offers[backends.MetaSetter], func(s *store) {
		s.seed("d/file", "old", "dir/in", "x")
		stale := s.stat("d/file").Version
		s.seed("d/file", "of somebody else")
		before := s.stat("d/file")
		m := backends.Meta{ModTime: time.Unix(99, 0)}
		_, err := s.setMeta("d/file", stale, m)
		s.wantErr("SetMeta", "d/file", err, backends.ErrChanged)
		if after := s.stat("d/file"); after.Version != before.Version || !after.ModTime.Equal(before.ModTime) {
			s.Errorf("it was %+v, is %+v", before, after)
		}
		_, err = s.setMeta("d/none", "", m)
		s.wantErr("SetMeta", "d/none", err, iofs.ErrNotExist)
		_, err = s.setMeta("dir", "", m)
		s.wantErr("SetMeta", "dir", err, iofs.ErrNotExist, backends.ErrIsDir)
	}},
}
