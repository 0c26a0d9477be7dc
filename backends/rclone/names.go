package rclone

import (
	iofs "io/fs"
	"path"
	"strings"

	"sd/backends"
	"sd/backends/internal/fold"
)

// Fold returns what all names of one file have in common where the service does not tell them
// by their case: one character for another and no more, as the services do. Else two files would
// be one here.
func (s *store) Fold(name string) string { return fold.Name(name) }

// key is what the names of one file have in common.
func (s *store) key(name string) string {
	if s.habits.folds {
		return s.Fold(name)
	}
	return name
}

// partPrefix begins the names of files that are being written, where a service shows them
// before they are whole. They are never listed.
const partPrefix = ".sd-part-"

// canHold tells whether name may be that of a file or folder at all.
func canHold(name string) bool {
	if name == "" || strings.ContainsRune(name, 0) {
		return false
	}
	for seg := range strings.SplitSeq(name, "/") {
		if seg == "" || seg == "." || seg == ".." || strings.HasPrefix(seg, partPrefix) {
			return false
		}
	}
	return true
}

// forReading checks a name that is looked for: one that nothing can have is not there.
func forReading(name string) error {
	if name != "" && !canHold(name) {
		return iofs.ErrNotExist
	}
	return nil
}

// forWriting checks a name that is to be made.
func forWriting(name string) error {
	switch {
	case name == "":
		return backends.ErrIsDir
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		// rclone would list it under another name than it was made with.
		return &answerError{iofs.ErrInvalid, "the service holds no name with a control character: use another name"}
	case canHold(name):
		return nil
	}
	return &answerError{iofs.ErrInvalid, "the service holds no name with an empty, \".\" or \"..\" part"}
}

func split(name string) (dir, leaf string) {
	dir, leaf = path.Split(name)
	return strings.TrimSuffix(dir, "/"), leaf
}

func join(dir, leaf string) string {
	if dir == "" {
		return leaf
	}
	return dir + "/" + leaf
}

// below tells whether name lies below dir.
func below(name, dir string) bool {
	return dir == "" && name != "" || strings.HasPrefix(name, dir+"/")
}
