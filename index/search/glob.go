package search

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// glob is a pattern for a name, taken apart at its stars.
type glob struct {
	parts []globPart // between the stars; the first is at the name's beginning, the last at its end
}

// globPart is what stands between two stars: characters, each of which must fit.
type globPart []globChar

type globChar struct {
	lit    string // these very bytes; "" for the others
	any    bool   // any one character
	ranges []rune // pairs: from, to
	not    bool   // none of ranges
}

// parseGlob reads a folded pattern without slashes that split it. It takes everything: a
// bracket that is not closed stands for itself.
func parseGlob(p string) glob {
	g := glob{parts: []globPart{nil}}
	last := func() *globPart { return &g.parts[len(g.parts)-1] }
	lit := func(s string) {
		part := last()
		if n := len(*part); n > 0 && (*part)[n-1].lit != "" {
			(*part)[n-1].lit += s
			return
		}
		*part = append(*part, globChar{lit: s})
	}
	for len(p) > 0 {
		switch c := p[0]; c {
		case '*':
			p = strings.TrimLeft(p, "*")
			g.parts = append(g.parts, nil)
			continue
		case '?':
			part := last()
			*part = append(*part, globChar{any: true})
		case '[':
			if class, rest, ok := parseClass(p[1:]); ok {
				part := last()
				*part = append(*part, class)
				p = rest
				continue
			}
			lit("[")
		case '\\':
			if len(p) > 1 {
				p = p[1:]
			}
			fallthrough
		default:
			lit(p[:1])
		}
		p = p[1:]
	}
	return g
}

// parseClass reads what follows a "[".
func parseClass(p string) (c globChar, rest string, ok bool) {
	if strings.HasPrefix(p, "!") || strings.HasPrefix(p, "^") {
		c.not, p = true, p[1:]
	}
	for first := true; p != ""; first = false {
		if p[0] == ']' && !first {
			return c, p[1:], true
		}
		var from, to rune
		from, p = classRune(p)
		to = from
		if len(p) > 1 && p[0] == '-' && p[1] != ']' {
			to, p = classRune(p[1:])
		}
		c.ranges = append(c.ranges, from, to)
	}
	return c, "", false
}

func classRune(p string) (rune, string) {
	if p[0] == '\\' && len(p) > 1 {
		p = p[1:]
	}
	r, size := utf8.DecodeRuneInString(p)
	return r, p[size:]
}

// match tells whether the pattern fits all of name, which is folded.
func (g *glob) match(name []byte) bool {
	n, ok := g.parts[0].prefix(name)
	if !ok {
		return false
	}
	if len(g.parts) == 1 {
		return n == len(name)
	}
	name = name[n:]
	for _, part := range g.parts[1 : len(g.parts)-1] {
		if name, ok = part.cut(name); !ok {
			return false
		}
	}
	return g.parts[len(g.parts)-1].suffix(name)
}

// prefix tells whether s begins with the part, and how long that is there.
func (p globPart) prefix(s []byte) (n int, ok bool) {
	for i := range p {
		c := &p[i]
		if c.lit != "" {
			if len(s)-n < len(c.lit) || string(s[n:n+len(c.lit)]) != c.lit {
				return 0, false
			}
			n += len(c.lit)
			continue
		}
		if n == len(s) {
			return 0, false
		}
		r, size := utf8.DecodeRune(s[n:])
		if !c.any && c.in(r) == c.not {
			return 0, false
		}
		n += size
	}
	return n, true
}

// cut finds the part in s and returns what follows the first such place.
func (p globPart) cut(s []byte) ([]byte, bool) {
	if len(p) == 0 {
		return s, true
	}
	for {
		if p[0].lit != "" {
			i := bytes.Index(s, []byte(p[0].lit))
			if i < 0 {
				return nil, false
			}
			s = s[i:]
		}
		if n, ok := p.prefix(s); ok {
			return s[n:], true
		}
		if len(s) == 0 {
			return nil, false
		}
		_, size := utf8.DecodeRune(s)
		s = s[size:]
	}
}

// suffix tells whether s ends with the part.
func (p globPart) suffix(s []byte) bool {
	if len(p) == 0 {
		return true
	}
	if len(p) == 1 && p[0].lit != "" {
		return len(s) >= len(p[0].lit) && string(s[len(s)-len(p[0].lit):]) == p[0].lit
	}
	for len(s) > 0 {
		if n, ok := p.prefix(s); ok && n == len(s) {
			return true
		}
		_, size := utf8.DecodeRune(s) // characters are of one to four bytes, so all beginnings are tried
		s = s[size:]
	}
	return false
}

func (c *globChar) in(r rune) bool {
	for i := 0; i < len(c.ranges); i += 2 {
		if c.ranges[i] <= r && r <= c.ranges[i+1] {
			return true
		}
	}
	return false
}

// literal returns the longest run of bytes that every name has in which the pattern fits.
// The separator in front of it, or behind it, stands for the name's beginning or end.
func (g *glob) literal() string {
	best := ""
	for i, part := range g.parts {
		for j, c := range part {
			if c.lit == "" {
				continue
			}
			lit := c.lit
			if i == 0 && j == 0 {
				lit = string(rune(separator)) + lit
			}
			if i == len(g.parts)-1 && j == len(part)-1 {
				lit += string(rune(separator))
			}
			if len(lit) > len(best) {
				best = lit
			}
		}
	}
	return best
}
