package fs

import (
	"slices"
	"sync"

	"sd/backends"
	"sd/staging"
)

// recovered are the files that a former process left to be sent, until somebody looks
// into their volume. Safe for concurrent use.
type recovered struct {
	mu    sync.Mutex
	files map[string][]*staging.File // by volume
}

func newRecovered(files []*staging.File) *recovered {
	r := &recovered{files: make(map[string][]*staging.File)}
	for _, f := range files {
		r.files[f.Volume()] = append(r.files[f.Volume()], f)
	}
	return r
}

// take gives the files of a volume, whose owner is the caller from then on.
func (r *recovered) take(volume string) []*staging.File {
	r.mu.Lock()
	defer r.mu.Unlock()
	files := r.files[volume]
	delete(r.files, volume)
	return files
}

// drop lets go of a file that was sent before anybody looked at it.
func (r *recovered) drop(volume, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[volume] = slices.DeleteFunc(r.files[volume], func(f *staging.File) bool {
		sent := f.Name() == name && !f.Dirty()
		if sent {
			f.Close()
		}
		return sent
	})
}

// committed is told of what was uploaded behind everybody's back.
func (t *tree) committed(volume, name string, e backends.Entry) {
	t.recovered.drop(volume, name)
	if s := t.volumes.known(volume); s != nil {
		if o := s.objects.find(name); o != nil {
			o.settled()
			o.letGo()
			return
		}
		dir, _ := splitName(name)
		s.tree.names.Invalidate(s.dirKey(dir))
	}
	e.Name = name
	t.changes.Put(volume, name, e)
}

// conflicted is told of what could not be put under its name, because somebody else
// had changed that: it lies under another name now.
func (t *tree) conflicted(volume, name, copy string) {
	s := t.volumes.known(volume)
	if s == nil {
		return
	}
	t.log.Warn("changed by somebody else too; ours is kept beside it", "path", s.uri+name, "ours", s.uri+copy)
	for _, n := range []string{name, copy} {
		dir, _ := splitName(n)
		t.names.Invalidate(s.dirKey(dir))
		s.look(n)
	}
	if o := s.objects.find(name); o != nil {
		o.changed()
		o.letGo()
	}
}

// adoptRecovered shows what a former process was to upload and could not yet.
func (s *store) adoptRecovered() {
	for _, f := range s.tree.recovered.take(s.key) {
		dir, seg := splitName(f.Name())
		e, _ := f.Entry()
		if e.Version == "" {
			e = backends.Entry{ModTime: f.ModTime()}
		}
		m := f.Meta()
		e.Meta = &m
		o := s.objects.create(s, dir, seg, e)
		o.staged = f
		s.objects.put(o)
		s.objects.hold(o)
	}
}
