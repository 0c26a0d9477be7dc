package backendtest

import (
	iofs "io/fs"
	"slices"
	"strings"

	"sd/backends"
)

var statTests = []test{
	{"Root", nil, func(s *store) {
		if e := s.stat(""); e.Kind != backends.Dir || e.Name != "" {
			s.Errorf("Stat(\"\") = %+v, want a directory without a name", e)
		}
	}},
	{"File", nil, func(s *store) {
		s.seed("top.txt", "hello", "a/b/c.txt", "12", "a/empty", "")
		for name, size := range map[string]int64{"top.txt": 5, "a/b/c.txt": 2, "a/empty": 0} {
			e := s.stat(name)
			if e.Name != name || e.Kind != backends.File || e.Size != size || e.Version == "" || e.ModTime.IsZero() {
				s.Errorf("Stat(%q) = %+v, want a file of %d bytes with version and time", name, e, size)
			}
			if again := s.stat(name); again.Version != e.Version || !again.ModTime.Equal(e.ModTime) {
				s.Errorf("Stat(%q) is %+v, then %+v", name, e, again)
			}
		}
	}},
	{"ImpliedDirs", nil, func(s *store) {
		s.seed("a/b/c/file", "x")
		for _, name := range []string{"a", "a/b", "a/b/c"} {
			if e := s.stat(name); e.Name != name || e.Kind != backends.Dir || e.Size != 0 {
				s.Errorf("Stat(%q) = %+v, want a directory of size 0", name, e)
			}
		}
	}},
	{"Missing", nil, func(s *store) {
		s.wantAbsent("anything")
		s.seed("file", "x", "dir/inner", "y", "directory-of-longer-name/inner", "z")
		for _, name := range []string{"fil", "file2", "di", "directory", "dir/inne", "dir/inner2", "dir/none/none", "none/inner"} {
			s.wantAbsent(name)
		}
	}},
	{"BelowFile", nil, func(s *store) {
		s.seed("file", "x")
		_, err := s.Stat(s.ctx(), "file/child")
		s.wantErr("Stat", "file/child", err, iofs.ErrNotExist, backends.ErrNotDir)
	}},
	{"CaseMatters", nil, func(s *store) {
		if offers[backends.CaseFolder](s.Backend) {
			s.Skip("case does not matter in this store")
		}
		s.seed("Readme", "x")
		s.wantAbsent("readme")
	}},
	{"OddNames", nil, func(s *store) {
		for _, name := range s.oddNames() {
			s.seed(name, name, "in/"+name+"/"+name, "nested")
			if e := s.stat(name); e.Name != name || e.Kind != backends.File || e.Size != int64(len(name)) {
				s.Errorf("Stat(%q) = %+v", name, e)
			}
			s.wantFile(name, name)
			s.wantFile("in/"+name+"/"+name, "nested")
			s.wantList("in/"+name, name)
			if e := s.stat("in/" + name); e.Kind != backends.Dir {
				s.Errorf("Stat(%q) = %+v, want a directory", "in/"+name, e)
			}
		}
	}},
}

// oddNames are legal single segments that code tends to break, as far as the store
// can hold them.
func (s *store) oddNames() []string {
	var names []string
	seen := map[string]bool{}
	few := []string{"two words", "100%", "%41", "a?b=c&d", "plus+plus", "<tag attr='\"'>", "back\\slash", "caf\u00e9", "🙂 smile", "\x01control", "\xff\xfe not UTF-8"}
	for _, name := range []string{
		"two words", " leading", "trailing ", "tab\there", "new\nline", "return\rhere",
		"100%", "%2F", "%41", "a%zz", "what?", "a?b=c&d", "#hash", "plus+plus", "a&b;c", "<tag attr='\"'>",
		"colon:colon", "back\\slash", "star*", "[glob]", "{brace}", "pipe|", "~tilde", "-dash", "--", "...", "..a", ".hidden", "dot.",
		"$HOME", "`cmd`", "^caret", "quote\"quote", "it's", "comma,comma", "equals=equals", "at@at", "bang!",
		"caf\u00e9", "cafe\u0301", // NFC and NFD are two names
		"日本語", "עברית", "Ελληνικά", "🙂 smile", "\u200bzero width", "\u00a0nbsp", "\ufeffbom", "\u202ertl", "a\u2028b",
		"\x01control", "\x7fdel", "\xff\xfe not UTF-8",
		strings.Repeat("n", 255), strings.Repeat("é", 127) + "n",
	} {
		if s.opts.FewNames && !slices.Contains(few, name) {
			continue
		}
		folded := name
		if f, ok := s.Backend.(backends.CaseFolder); ok {
			folded = f.Fold(name)
		}
		if !seen[folded] && s.canHold(name) && s.canHold("in/"+name+"/"+name) {
			names = append(names, name)
			seen[folded] = true
		}
	}
	return names
}
