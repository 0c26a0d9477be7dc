package rclone

import "sd/backends"

// The types of stores, by what they can do.
type (
	// trees move files and folders, and keep empty folders.
	trees struct {
		Store
		backends.Renamer
		backends.DirMaker
	}
	metered struct {
		trees
		backends.Meter
	}
	copying struct {
		metered
		backends.Copier
		backends.PeerCopier
	}
	watching struct {
		copying
		backends.Watcher
	}
	foldingMetered struct {
		metered
		backends.CaseFolder
	}
	foldingCopying struct {
		copying
		backends.CaseFolder
	}
	foldingWatching struct {
		watching
		backends.CaseFolder
	}
)

// plain hides the verbs of a store that not all types have.
type plain struct{ Store }

// offer shows s with the verbs that its type has.
func (s *store) offer() Store {
	h := s.habits
	if !h.tree {
		return plain{s}
	}
	t := trees{plain{s}, s, s}
	m := metered{t, s}
	c := copying{m, s, s}
	w := watching{c, s}
	switch {
	case h.folds && h.watches:
		return foldingWatching{w, s}
	case h.folds && h.copies:
		return foldingCopying{c, s}
	case h.folds:
		return foldingMetered{m, s}
	case h.watches:
		return w
	case h.copies:
		return c
	case h.meter:
		return m
	}
	return t
}

// storeOf returns the store behind what offer returned, nil for any other backend.
func storeOf(b backends.Backend) *store {
	switch b := b.(type) {
	case *store:
		return b
	case plain:
		return storeOf(b.Store)
	case trees:
		return storeOf(b.Store)
	case metered:
		return storeOf(b.Store)
	case copying:
		return storeOf(b.Store)
	case watching:
		return storeOf(b.Store)
	case foldingMetered:
		return storeOf(b.Store)
	case foldingCopying:
		return storeOf(b.Store)
	case foldingWatching:
		return storeOf(b.Store)
	}
	return nil
}
