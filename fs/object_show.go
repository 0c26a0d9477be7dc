package fs

import (
	"context"
	"encoding/json"
	"syscall"

	"sd/backends"
	"sd/cache"
	"sd/sdpath"
)

// Facts remember between mounts what listings do not tell of an object, and what a
// service cannot hold: times, modes, owners, link targets, extended attributes.
// Package library has them. Names may hold any bytes. Safe for concurrent use.
type Facts interface {
	// EachFact calls fn for the facts of a folder with names in [from, to], in order; to
	// "" is no end.
	EachFact(ctx context.Context, volume, dir, from, to string, fn func(name, version string, data []byte)) error
	// PutFact, DropFact, MoveFact, MoveFacts and DropFacts return at once; the last two
	// are about a folder and all below it.
	PutFact(volume, dir, name, version string, data []byte)
	DropFact(volume, dir, name string)
	MoveFact(volume, oldDir, oldName, newDir, newName string)
	MoveFacts(volume, oldDir, newDir string)
	DropFacts(volume, dir string)
	// FlushFacts returns when all that was put before is on the disk.
	FlushFacts(ctx context.Context) error
}

// fact is what is remembered of one object or folder, as JSON.
type fact struct {
	Meta backends.Meta
	// Pending: the object at the provider does not carry it yet.
	Pending bool `json:",omitempty"`
}

// remember keeps what an object of that version carries; "" is for a folder.
func (s *store) remember(dir, seg, version string, f fact) {
	data, err := json.Marshal(f)
	if err != nil {
		s.tree.log.Error("cannot remember", "path", s.uri+join(dir, seg), "err", err)
		return
	}
	s.tree.facts.PutFact(s.key, dir, seg, version, data)
}

// worthKeeping tells whether m says more than a listing does.
func worthKeeping(m *backends.Meta) bool {
	return m != nil && (!m.ModTime.IsZero() || m.Mode != 0 || m.UID != nil || m.GID != nil || m.LinkTarget != "" || m.BLAKE3 != "" || len(m.Xattrs) > 0)
}

// factOf gives what is remembered of a version of an entry.
func (s *store) factOf(ctx context.Context, dir, seg, version string) (f fact, ok bool) {
	err := s.tree.facts.EachFact(ctx, s.key, dir, seg, seg, func(name, v string, data []byte) {
		ok = name == seg && v == version && json.Unmarshal(data, &f) == nil
	})
	if err != nil {
		s.tree.log.Warn("cannot recall", "path", s.uri+join(dir, seg), "err", err)
	}
	return f, ok && err == nil
}

// recall adds to a reply about one name what is remembered of it, and remembers what
// the reply tells.
func (s *store) recall(ctx context.Context, name string, e *backends.Entry) {
	dir, seg := splitName(name)
	if f, ok := s.factOf(ctx, dir, seg, e.Version); ok {
		e.Meta = &f.Meta
	} else if e.Kind != backends.Dir && worthKeeping(e.Meta) {
		s.remember(dir, seg, e.Version, fact{Meta: *e.Meta})
	}
	e.Kind = kindOf(e)
}

// kindOf is the kind that e's metadata makes it.
func kindOf(e *backends.Entry) backends.Kind {
	if e.Kind == backends.File && e.Meta != nil && e.Meta.Mode&syscall.S_IFMT == syscall.S_IFLNK {
		return backends.Symlink
	}
	return e.Kind
}

// show makes a page of a folder's listing fit to be shown: it gives a shown name to
// what has none of its own, and adds what is remembered. A file beside a folder of
// its name is shown under another one; the folder has the name.
func (s *store) show(ctx context.Context, dir string, page []backends.Entry) []backends.Entry {
	shown := make([]backends.Entry, 0, len(page))
	from, to := "", ""
	for i, e := range page {
		if name := sdpath.Escape(e.Name); name != e.Name {
			e.Shown = name
		}
		if i == 0 || e.Name < from {
			from = e.Name
		}
		if i == 0 || e.Name > to {
			to = e.Name
		}
		shown = append(shown, e)
	}
	shown = s.separateTwins(dir, shown)
	if len(page) > 0 {
		s.addFacts(ctx, dir, from, to, shown)
	}
	return shown
}

// separateTwins shows files under another name where a folder has theirs. Stores list
// the file first, it may be on an earlier page.
func (s *store) separateTwins(dir string, page []backends.Entry) []backends.Entry {
	files := map[string]int{}
	for i := range page {
		if page[i].Kind != backends.Dir {
			continue
		}
		if len(files) == 0 {
			for j := range page {
				if page[j].Kind != backends.Dir {
					files[page[j].Name] = j
				}
			}
			files[""] = -1 // built
			for j := range page {
				if page[j].Kind != backends.Dir && page[j].Name == "" {
					files[""] = j
				}
			}
		}
		if j, ok := files[page[i].Name]; ok && j >= 0 {
			page[j].Shown = sdpath.EscapeTwin(page[j].Name)
			continue
		}
		e, state := s.tree.names.Lookup(s.dirKey(dir), page[i].Label())
		if state == cache.Present && e.Kind != backends.Dir {
			e.Shown = sdpath.EscapeTwin(e.Name)
			page = append(page, e)
		}
	}
	return page
}

// addFacts adds what is remembered of the entries between two names.
func (s *store) addFacts(ctx context.Context, dir, from, to string, page []backends.Entry) {
	var found map[string]fact
	err := s.tree.facts.EachFact(ctx, s.key, dir, from, to, func(name, version string, data []byte) {
		var f fact
		if json.Unmarshal(data, &f) != nil {
			return
		}
		if found == nil {
			found = make(map[string]fact)
		}
		found[name+"\x00"+version] = f
	})
	if err != nil {
		s.tree.log.Warn("cannot recall", "path", s.uri+dir, "err", err)
	}
	for i := range page {
		e := &page[i]
		if found != nil {
			if f, ok := found[e.Name+"\x00"+e.Version]; ok && !e.Unsized {
				e.Meta = &f.Meta
			}
		}
		e.Kind = kindOf(e)
	}
}

// forgetful are the Facts of a tree that was given none.
type forgetful struct{}

func (forgetful) EachFact(context.Context, string, string, string, string, func(string, string, []byte)) error {
	return nil
}
func (forgetful) PutFact(string, string, string, string, []byte)  {}
func (forgetful) DropFact(string, string, string)                 {}
func (forgetful) MoveFact(string, string, string, string, string) {}
func (forgetful) MoveFacts(string, string, string)                {}
func (forgetful) DropFacts(string, string)                        {}
func (forgetful) FlushFacts(context.Context) error                { return nil }
