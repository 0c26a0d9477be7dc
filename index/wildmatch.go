package index

import "strings"

// verdict is what matching a part of a pattern has shown.
type verdict uint8

const (
	matches verdict = iota
	differs
	differsHere  // and so does any longer match of the star before it, but for a "**"
	differsEvery // and so does every match of any star before it
)

// wildmatch tells whether the whole text fits pattern as Git has it, byte by byte: ? * [a-z]
// [!a] [[:alpha:]] \x. With slashes, only "**" between slashes matches a slash.
//
// It is Git's wildmatch.c again. The libraries there are go by regular expressions or by
// path.Match, and differ from Git in classes, in "**", or on names that are not UTF-8.
func wildmatch(pattern string, text []byte, slashes bool) bool {
	return wild(pattern, 0, text, slashes) == matches
}

// at is s[i], or 0 at the end; neither patterns nor names hold a 0.
func at(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

// wild matches the pattern from position p on.
func wild(pattern string, p int, text []byte, slashes bool) verdict {
	start := p
	for ; p < len(pattern); p++ {
		c := pattern[p]
		if len(text) == 0 && c != '*' {
			return differsEvery
		}
		switch c {
		default:
			if text[0] != c {
				return differs
			}
		case '\\':
			p++
			if text[0] != at(pattern, p) {
				return differs
			}
		case '?':
			if slashes && text[0] == '/' {
				return differs
			}
		case '[':
			end, in, ok := class(pattern, p, text[0])
			if !ok {
				return differsEvery
			}
			if !in || slashes && text[0] == '/' {
				return differs
			}
			p = end
		case '*':
			over := !slashes // the star may match slashes
			p++
			if at(pattern, p) == '*' {
				before := p - 2
				for at(pattern, p) == '*' {
					p++
				}
				if slashes && (before < start || pattern[before] == '/') && (p >= len(pattern) || pattern[p] == '/' || strings.HasPrefix(pattern[p:], `\/`)) {
					if at(pattern, p) == '/' && wild(pattern, p+1, text, slashes) == matches {
						return matches // it stands for no folder at all
					}
					over = true
				}
			}
			if p >= len(pattern) {
				if !over && indexSlash(text) >= 0 {
					return differs
				}
				return matches
			}
			if !over && pattern[p] == '/' {
				i := indexSlash(text)
				if i < 0 {
					return differs
				}
				text = text[i+1:]
				continue
			}
			return star(pattern, p, text, slashes, over)
		}
		text = text[1:]
	}
	if len(text) > 0 {
		return differs
	}
	return matches
}

// star matches what follows a star at p, with each text that the star may leave.
func star(pattern string, p int, text []byte, slashes, over bool) verdict {
	next := pattern[p]
	literal := next != '*' && next != '?' && next != '[' && next != '\\'
	for len(text) > 0 {
		if literal {
			for len(text) > 0 && text[0] != next && (over || text[0] != '/') {
				text = text[1:]
			}
			if len(text) == 0 || text[0] != next {
				return differs
			}
		}
		v := wild(pattern, p, text, slashes)
		switch {
		case v != differs:
			if !over || v != differsHere {
				return v
			}
		case !over && text[0] == '/':
			return differsHere
		}
		text = text[1:]
	}
	return differsEvery
}

func indexSlash(text []byte) int {
	for i, c := range text {
		if c == '/' {
			return i
		}
	}
	return -1
}

// class tells whether c is in the set [...] that begins at p, and where that ends.
// A set that is malformed is not ok: it matches nothing.
func class(pattern string, p int, c byte) (end int, in, ok bool) {
	p++
	negated := at(pattern, p) == '!' || at(pattern, p) == '^'
	if negated {
		p++
	}
	var prev byte
	for first := true; first || at(pattern, p) != ']'; p++ {
		first = false
		ch := at(pattern, p)
		switch {
		case ch == 0:
			return 0, false, false
		case ch == '\\':
			p++
			if ch = at(pattern, p); ch == 0 {
				return 0, false, false
			}
			in = in || c == ch
			prev = ch
		case ch == '-' && prev != 0 && at(pattern, p+1) != 0 && at(pattern, p+1) != ']':
			p++
			if ch = at(pattern, p); ch == '\\' {
				p++
				if ch = at(pattern, p); ch == 0 {
					return 0, false, false
				}
			}
			in = in || prev <= c && c <= ch
			prev = 0
		case ch == '[' && at(pattern, p+1) == ':':
			i := strings.IndexByte(pattern[p+2:], ']')
			if i < 0 {
				return 0, false, false
			}
			if i == 0 || pattern[p+2+i-1] != ':' { // no name: a set that holds a bracket
				in = in || c == '['
				prev = '['
				continue
			}
			named, known := inNamed(pattern[p+2:p+2+i-1], c)
			if !known {
				return 0, false, false
			}
			in = in || named
			prev = 0
			p += 2 + i
		default:
			in = in || c == ch
			prev = ch
		}
	}
	return p, in != negated, true
}

// inNamed tells whether c is in a class of ctype.h.
func inNamed(name string, c byte) (in, known bool) {
	upper, lower, digit := 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9'
	graph := 0x20 < c && c < 0x7f
	switch name {
	case "alnum":
		return upper || lower || digit, true
	case "alpha":
		return upper || lower, true
	case "blank":
		return c == ' ' || c == '\t', true
	case "cntrl":
		return c < 0x20 || c == 0x7f, true
	case "digit":
		return digit, true
	case "graph":
		return graph, true
	case "lower":
		return lower, true
	case "print":
		return graph || c == ' ', true
	case "punct":
		return graph && !upper && !lower && !digit, true
	case "space":
		return c == ' ' || '\t' <= c && c <= '\r', true
	case "upper":
		return upper, true
	case "xdigit":
		return digit || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F', true
	}
	return false, false
}
