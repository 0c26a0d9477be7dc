package search

import (
	"math/rand/v2"
	"strings"
	"time"

	"sd/library/catalog"
	"sd/sdpath"
)

// chooser makes up names and queries.
type chooser struct {
	*rand.Rand
	names []string // some that there are
}

var pieces = []string{"a", "b", "A", "ab", "Abc", "é", "e\u0301", "É", "ß", "ſ", "\xff", "1", "22", " ", "-", ".", ".jpg", ".JPG", ".txt", "IMG_", "report", "日本", "[x]", "\n", "*", "\u212a"}

func (c *chooser) name() string {
	for {
		s := ""
		for range 1 + c.IntN(4) {
			s += pieces[c.IntN(len(pieces))]
		}
		if s != "." && s != ".." && s != " " {
			return s
		}
	}
}

// part makes up a word that may well be in some name.
func (c *chooser) part() string {
	if len(c.names) == 0 || c.IntN(4) == 0 {
		return pieces[c.IntN(len(pieces))]
	}
	r := []rune(c.names[c.IntN(len(c.names))])
	from := c.IntN(len(r))
	return string(r[from : from+1+c.IntN(min(len(r)-from, 6))])
}

// query makes up a query; where gives it a folder to look in.
func (c *chooser) query(where func() sdpath.Path) *modelQuery {
	q := &modelQuery{}
	var text []string
	for range c.IntN(3) {
		w := c.part()
		switch {
		case c.IntN(6) == 0:
			w += "/" + c.part()
		case c.IntN(20) == 0:
			w = "/" + w
		}
		if strings.Trim(w, " \n") == "" || strings.Contains(folded(w), "\xff") || strings.Contains(w, "\ufffd") {
			continue // the parts of what is not UTF-8 would be other characters
		}
		q.words = append(q.words, w)
		text = append(text, escape(w, false))
	}
	if c.IntN(3) == 0 {
		g := c.glob()
		if c.IntN(3) == 0 {
			g = []string{"", "**/", g + "/", g + "/**/"}[c.IntN(4)] + c.glob()
			if c.IntN(4) == 0 {
				g = "/" + strings.TrimPrefix(g, "**/")
			}
		}
		if strings.ContainsAny(g, "*?[") {
			q.globs = append(q.globs, folded(g))
			text = append(text, escape(g, true))
		}
	}
	q.Text = strings.Join(text, "  ")
	c.filters(q)
	if c.IntN(5) == 0 {
		q.In = append(q.In, where())
	}
	q.Limit = []int{0, 1, 3, 20, 100}[c.IntN(5)]
	return q
}

func (c *chooser) glob() string {
	g := ""
	for range 1 + c.IntN(3) {
		switch c.IntN(5) {
		case 0:
			g += "*"
		case 1:
			g += "?"
		case 2:
			g += "[ab1é]"
		default:
			g += strings.Map(func(r rune) rune {
				if strings.ContainsRune("[]*?\ufffd/ \n\\", r) {
					return -1
				}
				return r
			}, c.part())
		}
	}
	return strings.ReplaceAll(g, "**", "*")
}

func (c *chooser) filters(q *modelQuery) {
	if c.IntN(4) == 0 {
		q.Kinds = append(q.Kinds, []catalog.Kind{catalog.KindImage, catalog.KindFolder, catalog.KindText, catalog.KindUnknown}[c.IntN(4)])
	}
	if c.IntN(5) == 0 {
		q.Exts = append(q.Exts, []string{"jpg", ".TXT", "b"}[c.IntN(3)])
	}
	if c.IntN(5) == 0 {
		q.MinSize = c.Int64N(100)
	}
	if c.IntN(5) == 0 {
		q.MaxSize = c.Int64N(100) - 1
	}
	if c.IntN(5) == 0 {
		q.After = time.Unix(c.Int64N(8)-3, 0)
	}
	if c.IntN(5) == 0 {
		q.Before = time.Unix(c.Int64N(8)-3, 0)
	}
}

// escape writes a word so that nothing in it is special, or a pattern so that only blanks are not.
func escape(s string, pattern bool) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; strings.IndexByte(" \t\r\n\"", c) >= 0 || !pattern && special(c) {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
