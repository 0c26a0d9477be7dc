package stores

import (
	"encoding/json"
	"strings"
	"time"

	"sd/backends"
	"sd/identity"
	"sd/library/catalog"
)

// Learned tells that this process has made e, or has found out what it is: what e says beside
// its name and version is remembered for that Version, and a mount hears of it. It returns at
// once; Close writes the rest.
func (s *Set) Learned(st Store, e *Entry) {
	switch st := st.(type) {
	case *Local:
		if e.Proven && e.Kind == File && e.Size > 0 {
			dir, base := localDir(e.Name)
			s.learn(lesson{place: st.place(), dir: dir, file: e.file(base), sum: e.Sum})
		}
	case *Volume:
		st.learned(e)
	}
}

// file describes e as the catalog does. An object was uploaded now.
func (e *Entry) file(base string) catalog.File {
	f := catalog.File{Name: base, Kind: catalog.KindOf(base), Size: e.Size, Version: e.Version, ModTime: time.Now().UnixNano()}
	if e.Inode != 0 {
		f.ModTime, f.Version = e.ModTime.UnixNano(), identity.LocalVersion(e.Changed, e.Inode)
	}
	switch e.Kind {
	case Symlink:
		f.Type, f.Kind = catalog.Symlink, catalog.KindUnknown
	case Special:
		f.Type = catalog.Special
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
		v.remember(dir, base, e.Version, meta)
	}
	if v.set.hooks.Changed != nil {
		v.set.hooks.Changed(v.Key(), e.Name, e.backend(meta))
		return // who hears it tells the index
	}
	if e.Kind != Dir {
		v.set.learn(lesson{place: v.place(), dir: dir, file: e.file(base), sum: e.Sum})
	}
}

// remember keeps what a version of an object, or "" a folder, carries.
func (v *Volume) remember(dir, base, version string, m *backends.Meta) {
	if data, err := json.Marshal(fact{Meta: *m}); err == nil { // as is every Meta
		v.set.lib.PutFact(v.Key(), dir, base, version, data)
	}
}

// meta is what is worth remembering of e, nil if that is nothing.
func (e *Entry) meta() *backends.Meta {
	var m backends.Meta
	if e.Meta != nil {
		m = *e.Meta
	}
	if e.TimeKnown {
		m.ModTime = e.ModTime
	}
	if e.HasMode {
		m.Mode = e.Mode
	}
	if e.HasOwner {
		m.UID, m.GID = &e.UID, &e.GID
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
	return &backends.Entry{Name: e.Name, Kind: e.Kind, Size: e.Size, ModTime: e.ModTime, Version: e.Version, Sums: e.Sums, Meta: m}
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
		v.set.learn(lesson{place: v.place(), dir: dir, file: catalog.File{Name: base}, gone: true})
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
		v.set.learn(lesson{place: v.place(), dir: oldDir, file: catalog.File{Name: oldBase}, gone: true})
		v.set.learn(lesson{place: v.place(), dir: dir, file: e.file(base), sum: e.Sum})
	}
}
