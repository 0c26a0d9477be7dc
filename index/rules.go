package index

import (
	"bytes"
	"strings"

	"sd/library"
)

// rules are a location's library.Rules, made ready.
type rules struct {
	hidden, dev, system, git bool // what is left out, and whether .gitignore is heeded
	local                    bool
	root                     string   // the location's path, as in catalog.Copy
	skip                     *ignores // the user's own patterns; nil: none
	own                      []string // folders that sd writes to itself, as root
}

func (x *Indexer) newRules(loc library.Location, local bool) *rules {
	r := loc.Rules
	var own []string
	if local {
		own = x.own
	}
	return &rules{
		own:    own,
		hidden: !r.All && !r.Hidden,
		dev:    !r.All && !r.Dev,
		system: !r.All && !r.System,
		git:    !r.All && !r.NoGitIgnore && local,
		local:  local,
		root:   loc.Path,
		skip:   parseIgnores(nil, 0, strings.Join(r.Skip, "\n")),
	}
}

// surroundings are what the rules go by for the entries of one folder.
type surroundings struct {
	path    []byte   // of the folder, below the location's root, with a slash behind it; "" is the root
	depth   int      // of the folder, below the place's root
	ignores *ignores // the .gitignore files from the location's root to this folder
	beside  []string // names from devBeside that are left out here
}

// below is what the rules go by in the folder called name.
func (s *surroundings) below(name []byte) surroundings {
	path := make([]byte, 0, len(s.path)+len(name)+1)
	path = append(append(append(path, s.path...), name...), '/')
	return surroundings{path: path, depth: s.depth + 1, ignores: s.ignores}
}

// leavesOut tells whether the entry called name is not to be indexed. It keeps nothing of
// buf, whose memory it uses, and returns it.
func (r *rules) leavesOut(s *surroundings, name []byte, folder bool, buf []byte) (bool, []byte) {
	if folder && r.isOwn(s, name) {
		return true, buf
	}
	if r.skip != nil || s.ignores != nil {
		buf = append(append(buf[:0], s.path...), name...)
		if out, ok := r.skip.ignored(buf, len(s.path), folder); ok {
			return out, buf
		}
		if out, ok := s.ignores.ignored(buf, len(s.path), folder); ok && out {
			return true, buf
		}
	}
	return r.byName(s, name, folder), buf
}

// byName is leavesOut without patterns.
func (r *rules) byName(s *surroundings, name []byte, folder bool) bool {
	if r.hidden && len(name) > 0 && name[0] == '.' {
		return true
	}
	if r.system {
		if systemNames[string(name)] || string(name) == systemVolume || bytes.HasPrefix(name, []byte(".Trash-")) || bytes.HasPrefix(name, []byte("._")) {
			return true
		}
		if folder && r.local && s.depth < systemDepth && r.systemFolder(s, name) {
			return true
		}
	}
	if r.dev && folder {
		if devFolders[string(name)] {
			return true
		}
		for _, n := range s.beside {
			if n == string(name) {
				return true
			}
		}
	}
	return false
}

// isOwn tells whether the folder called name is one that sd writes to while it indexes: to
// look there would never end.
func (r *rules) isOwn(s *surroundings, name []byte) bool {
	for _, own := range r.own {
		if strings.HasSuffix(own, string(name)) && own == r.pathOf(s, name) {
			return true
		}
	}
	return false
}

// systemFolder tells whether the folder called name is one of the system's.
func (r *rules) systemFolder(s *surroundings, name []byte) bool {
	return systemFolders[r.pathOf(s, name)]
}

// pathOf is the path of an entry, as in catalog.Copy.
func (r *rules) pathOf(s *surroundings, name []byte) string {
	path := r.root
	if path != "" && len(s.path)+len(name) > 0 {
		path += "/"
	}
	return path + string(s.path) + string(name)
}

// look finds out which names from devBeside are left out among names.
func (r *rules) look(s *surroundings, names func(yield func(name []byte, folder bool) bool)) {
	if !r.dev || !r.local {
		return
	}
	var candidates []string
	for name, folder := range names {
		if folder {
			if _, ok := devBeside[string(name)]; ok {
				candidates = append(candidates, string(name))
			}
		}
	}
	for _, c := range candidates {
		for name, folder := range names {
			if !folder && isBeside(devBeside[c], name) {
				s.beside = append(s.beside, c)
				break
			}
		}
	}
}

func isBeside(list []string, name []byte) bool {
	for _, l := range list {
		if end, ok := strings.CutPrefix(l, "*"); ok && bytes.HasSuffix(name, []byte(end)) || l == string(name) {
			return true
		}
	}
	return false
}
