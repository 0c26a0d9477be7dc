package mem

import (
	"sd/backends"
	"sd/backends/internal/fold"
)

// A Folding is a Store in which one file answers to its name in any case. Use NewFolding.
type Folding struct{ *Store }

var _ backends.CaseFolder = Folding{}

// NewFolding makes an empty store that folds the case of names.
func NewFolding(cfg Config) Folding {
	cfg.Fold = true
	return Folding{New(cfg)}
}

// Fold gives what all names of one file have in common.
func (Folding) Fold(name string) string { return fold.Name(name) }

// fold is the key of a segment, or of a whole name.
func (s *Store) fold(name string) string {
	if s.cfg.Fold {
		return fold.Name(name)
	}
	return name
}
