package mem

import (
	"sd/backends"
	"sd/backends/internal/fold"
)

// drive is what a drive of a person offers: it moves files and folders, makes folders, and
// tells changes, but takes files in one piece only, copies none and lists no tree flat.
type drive interface {
	backends.Backend
	backends.Putter
	backends.Remover
	backends.Renamer
	backends.DirMaker
	backends.Meter
	backends.Watcher
	backends.Counter
}

// A Drive is a Store of which only some verbs are offered: those that drives, and servers
// for sftp and its like, have. Files carry their times alone. Use NewDrive.
type Drive struct {
	drive
	store *Store
}

// NewDrive makes an empty drive.
func NewDrive(cfg Config) *Drive {
	cfg.Bare = true
	s := New(cfg)
	return &Drive{s, s}
}

// Store is the same store with all its verbs, as others may have them who change it.
func (d *Drive) Store() *Store { return d.store }

// A FoldingDrive is a Drive in which one file answers to its name in any case. Use
// NewFoldingDrive.
type FoldingDrive struct{ *Drive }

var _ backends.CaseFolder = FoldingDrive{}

// NewFoldingDrive makes an empty drive that folds the case of names.
func NewFoldingDrive(cfg Config) FoldingDrive {
	cfg.Fold = true
	return FoldingDrive{NewDrive(cfg)}
}

// Fold gives what all names of one file have in common.
func (FoldingDrive) Fold(name string) string { return fold.Name(name) }
