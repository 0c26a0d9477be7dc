package stores

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"sd/backends"
	"sd/identity"
	"sd/library/catalog"
)

// Learned tells that this process has made e, or given it other attributes: what e says beside
// its name and version is remembered for that Version, and a mount hears of it. It returns at
// once; Close writes the rest.
func (s *Set) Learned(st Store, e *Entry) {
	switch st := st.(type) {
	case *Local:
		s.identified(st, e, false)
	case *Volume:
		st.learned(e)
	}
}

// Found tells that all bytes of e, which was there, have been read, so that e is proven now.
// Like Learned it returns at once.
func (s *Set) Found(st Store, e *Entry) {
	switch st := st.(type) {
	case *Local:
		s.identified(st, e, true)
	case *Volume:
		st.found(e)
	}
}

// identified has the catalog learn what bytes a local file has.
func (s *Set) identified(l *Local, e *Entry, there bool) {
	is, ok := unpackVersion(e.Version)
	if !ok || is.ctime == linked || !e.Proven || e.Kind != File || e.Size == 0 {
		return
	}
	dir, base := localDir(e.Name)
	s.learner.note(lesson{place: l.place(), dir: dir, sum: e.Sum, there: there, file: catalog.File{
		Name: base, Kind: catalog.KindOf(base), Size: is.size, ModTime: is.mtime, Version: identity.LocalVersion(is.ctime, is.inode),
	}})
}

// file describes an object as the catalog does. It was uploaded now.
func (e *Entry) file(base string) catalog.File {
	f := catalog.File{Name: base, Kind: catalog.KindOf(base), Size: e.Size, Version: e.Version, ModTime: time.Now().UnixNano()}
	if e.Kind == Symlink {
		f.Type, f.Kind = catalog.Symlink, catalog.KindUnknown
	}
	sums := make([]string, len(e.Sums))
	for i, s := range e.Sums {
		sums[i] = s.Algorithm + ":" + s.Hex
	}
	f.Sums = strings.Join(sums, "\n")
	return f
}

// learned remembers what is known of an object or a folder.
func (v *Volume) learned(e *Entry) {
	meta := e.meta()
	dir, base := splitKey(e.Name)
	if meta != nil {
		v.remember(dir, base, e.Version, fact{Meta: *meta})
	}
	if v.set.hooks.Changed != nil {
		v.set.hooks.Changed(v.Key(), e.Name, e.backend(meta))
		return // who hears it tells the index
	}
	if e.Kind != Dir {
		v.set.learner.note(lesson{place: v.place(), dir: dir, file: e.file(base), sum: e.Sum})
	}
}

// found adds a proof to what is remembered of an object. Where it is not known what the object
// carries, a fact would hide that, so the catalog alone learns it.
func (v *Volume) found(e *Entry) {
	if !e.Proven || e.Kind != File {
		return
	}
	dir, base := splitKey(e.Name)
	f, ok := v.fact(context.Background(), dir, base, e.Version)
	if !ok && e.Meta != nil {
		f, ok = fact{Meta: *e.Meta}, true
	}
	if sum := e.Sum.String(); ok && f.Meta.BLAKE3 != sum {
		f.Meta.BLAKE3 = sum
		v.remember(dir, base, e.Version, f)
	}
	if e.Size > 0 {
		v.set.learner.note(lesson{place: v.place(), dir: dir, file: e.file(base), sum: e.Sum, there: true})
	}
}

// fact returns what is remembered of a version of an object, and whether anything is.
func (v *Volume) fact(ctx context.Context, dir, base, version string) (f fact, ok bool) {
	err := v.set.lib.EachFact(ctx, v.Key(), dir, base, base, func(_, was string, data []byte) {
		ok = was == version && json.Unmarshal(data, &f) == nil
	})
	return f, ok && err == nil
}

// remember keeps what a version of an object, or "" a folder, carries.
func (v *Volume) remember(dir, base, version string, f fact) {
	if data, err := json.Marshal(f); err == nil { // as is every fact
		v.set.lib.PutFact(v.Key(), dir, base, version, data)
	}
}

// meta is what is worth remembering of e, nil if that is nothing.
func (e *Entry) meta() *backends.Meta {
	var m backends.Meta
	if e.Meta != nil {
		m = *e.Meta
	}
	if e.Kind == Dir { // of a local one, which has more than a mount can show
		m.Xattrs = maps.Clone(m.Xattrs)
		maps.DeleteFunc(m.Xattrs, func(name string, _ []byte) bool { return !strings.HasPrefix(name, "user.") })
	}
	if e.TimeKnown {
		m.ModTime = e.ModTime
	}
	if e.HasMode {
		m.Mode = e.Mode
	}
	if e.HasOwner {
		uid, gid := e.UID, e.GID
		m.UID, m.GID = &uid, &gid
	}
	if e.Proven {
		m.BLAKE3 = e.Sum.String()
	}
	if e.Link != "" {
		m.LinkTarget = e.Link
	}
	if m.ModTime.IsZero() && m.Mode == 0 && m.UID == nil && m.LinkTarget == "" && m.BLAKE3 == "" && len(m.Xattrs) == 0 {
		return nil
	}
	return &m
}

// backend is e as package backends has it.
func (e *Entry) backend(m *backends.Meta) *backends.Entry {
	return &backends.Entry{Name: e.Name, Kind: e.Kind, Size: e.Size, ModTime: e.ModTime, Version: e.Version, Sums: e.Sums, Class: e.Class, Meta: m}
}

// Gone tells that this process has removed a file, or a folder with all that was in it.
func (v *Volume) Gone(name string, folder bool) {
	dir, base := splitKey(name)
	v.set.lib.DropFact(v.Key(), dir, base)
	if folder {
		v.set.lib.DropFacts(v.Key(), name)
	}
	if v.set.hooks.Changed != nil {
		v.set.hooks.Changed(v.Key(), name, nil)
		return
	}
	if !folder {
		v.set.learner.note(lesson{place: v.place(), dir: dir, file: catalog.File{Name: base}, gone: true})
	}
}

// Moved tells that this process has renamed a file, or a folder with all that is in it, which is
// e now.
func (v *Volume) Moved(from string, e *Entry) {
	oldDir, oldBase := splitKey(from)
	dir, base := splitKey(e.Name)
	v.set.lib.MoveFact(v.Key(), oldDir, oldBase, dir, base)
	if e.Kind == Dir {
		v.set.lib.MoveFacts(v.Key(), from, e.Name)
	}
	if v.set.hooks.Changed != nil {
		v.set.hooks.Changed(v.Key(), from, nil)
		v.set.hooks.Changed(v.Key(), e.Name, e.backend(e.meta()))
	} else if e.Kind != Dir {
		v.set.learner.note(lesson{place: v.place(), dir: oldDir, file: catalog.File{Name: oldBase}, gone: true})
		v.set.learner.note(lesson{place: v.place(), dir: dir, file: e.file(base), sum: e.Sum})
	}
}
