package index

import "strings"

// ignores are the patterns of one .gitignore, and those of the folders above it.
type ignores struct {
	up   *ignores
	base int // how long the path of the .gitignore's folder is, with a slash behind it
	list []pattern
}

// pattern is one line of a .gitignore.
type pattern struct {
	prefix  string // of a path: what comes before the first special character
	text    string // the rest, without the marks that the other fields stand for
	negated bool   // "!": takes back what an earlier pattern leaves out
	folders bool   // "/" at the end: folders only
	path    bool   // has a slash: text is a path from base on, else a name anywhere below it
	plain   bool   // text is the name
	suffix  bool   // text is the name's end
}

// parseIgnores reads a .gitignore that lies in the folder with the path of length base.
// It returns up itself if that adds nothing.
func parseIgnores(up *ignores, base int, text string) *ignores {
	var list []pattern
	text = strings.TrimPrefix(text, "\ufeff")
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if p, ok := parsePattern(line); ok {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return up
	}
	return &ignores{up: up, base: base, list: list}
}

func parsePattern(line string) (pattern, bool) {
	line, _, _ = strings.Cut(line, "\x00")
	if line == "" || line[0] == '#' {
		return pattern{}, false
	}
	p := pattern{text: trimSpaces(line)}
	if strings.HasPrefix(p.text, "!") {
		p.negated, p.text = true, p.text[1:]
	}
	if strings.HasSuffix(p.text, "/") {
		p.folders, p.text = true, p.text[:len(p.text)-1]
	}
	if p.text == "" {
		return pattern{}, false
	}
	p.path = strings.Contains(p.text, "/")
	special := strings.IndexAny(p.text, `*?[\`)
	switch {
	case p.path:
		p.text = strings.TrimPrefix(p.text, "/")
		if special = strings.IndexAny(p.text, `*?[\`); special < 0 {
			special = len(p.text)
		}
		p.prefix, p.text = p.text[:special], p.text[special:]
	case special < 0:
		p.plain = true
	case special == 0 && p.text[0] == '*' && !strings.ContainsAny(p.text[1:], `*?[\`):
		p.suffix, p.text = true, p.text[1:]
	}
	return p, true
}

// trimSpaces drops spaces at the end, but for one behind a backslash.
func trimSpaces(line string) string {
	end := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case ' ':
			continue
		case '\\':
			if i+1 == len(line) {
				return line
			}
			i++
		}
		end = i + 1
	}
	return line[:end]
}

// ignored tells what the patterns say of path, whose last segment begins at name: the last
// pattern that fits decides, those of deeper folders first. With neither, ok is false.
func (ig *ignores) ignored(path []byte, name int, folder bool) (out, ok bool) {
	for ; ig != nil; ig = ig.up {
		for i := len(ig.list) - 1; i >= 0; i-- {
			if p := &ig.list[i]; p.fits(path[ig.base:], path[name:], folder) {
				return !p.negated, true
			}
		}
	}
	return false, false
}

// fits tells whether p is about the file with that path, from the folder of p on, and name.
func (p *pattern) fits(path, name []byte, folder bool) bool {
	if p.folders && !folder {
		return false
	}
	switch {
	case p.path:
		n := len(p.prefix)
		return len(path) >= n && string(path[:n]) == p.prefix && wildmatch(p.text, path[n:], true)
	case p.plain:
		return string(name) == p.text
	case p.suffix:
		return len(name) >= len(p.text) && string(name[len(name)-len(p.text):]) == p.text
	}
	return wildmatch(p.text, name, false)
}
