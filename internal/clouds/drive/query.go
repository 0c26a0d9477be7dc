package drive

import (
	"strings"
	"time"
)

// A match tells whether a file is meant by a query.
type match func(*file) bool

// query is the parser of the q parameter.
type query struct {
	s    *Service
	rest string
	all  bool // whether shared drives are known to the client
	err  *Error
}

// parseQuery reads q, as in "'root' in parents and (name = 'a' or mimeType != 'b')".
func (s *Service) parseQuery(text string, allDrives bool) (match, *Error) {
	if strings.TrimSpace(text) == "" {
		return func(*file) bool { return true }, nil
	}
	p := &query{s: s, rest: text, all: allDrives}
	m := p.or()
	if p.space(); p.err == nil && p.rest != "" {
		p.fail()
	}
	return m, p.err
}

func (p *query) fail() match {
	if p.err == nil {
		p.err = errInvalid("q")
	}
	p.rest = ""
	return func(*file) bool { return false }
}

func (p *query) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// word takes one of the words if it comes next.
func (p *query) word(word string) bool {
	p.space()
	if len(p.rest) < len(word) || !strings.EqualFold(p.rest[:len(word)], word) {
		return false
	}
	after := p.rest[len(word):]
	if isLetter(word[0]) && after != "" && isLetter(after[0]) {
		return false
	}
	p.rest = after
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func (p *query) or() match {
	left := p.and()
	for p.err == nil && p.word("or") {
		a, b := left, p.and()
		left = func(f *file) bool { return a(f) || b(f) }
	}
	return left
}

func (p *query) and() match {
	left := p.not()
	for p.err == nil && p.word("and") {
		a, b := left, p.not()
		left = func(f *file) bool { return a(f) && b(f) }
	}
	return left
}

func (p *query) not() match {
	if p.word("not") {
		m := p.not()
		return func(f *file) bool { return !m(f) }
	}
	if p.word("(") {
		m := p.or()
		if !p.word(")") {
			return p.fail()
		}
		return m
	}
	return p.term()
}

func (p *query) term() match {
	if p.space(); strings.HasPrefix(p.rest, "'") {
		id := p.text()
		if !p.word("in") || !p.word("parents") {
			return p.fail()
		}
		return p.childOf(id)
	}
	for name, field := range map[string]func(*file) string{
		"name": func(f *file) string { return f.name }, "mimeType": func(f *file) string { return f.mime },
	} {
		if p.word(name) {
			return p.compare(field)
		}
	}
	for name, field := range map[string]func(*file) bool{
		"trashed": p.s.inTrash, "starred": func(f *file) bool { return f.starred },
		"sharedWithMe": func(f *file) bool { return !f.shared.IsZero() },
	} {
		if p.word(name) {
			return p.truth(field, name == "sharedWithMe")
		}
	}
	for name, field := range map[string]func(*file) time.Time{
		"modifiedTime": func(f *file) time.Time { return f.modified }, "createdTime": func(f *file) time.Time { return f.created },
	} {
		if p.word(name) {
			return p.moment(field)
		}
	}
	return p.fail()
}

func (p *query) childOf(id string) match {
	parent, err := p.s.find(id, true)
	if err != nil {
		p.fail()
		p.err = errNotFound(".")
		return p.fail()
	}
	return func(f *file) bool { return f.parent == parent.id }
}

func (p *query) compare(field func(*file) string) match {
	op := ""
	for _, o := range []string{"!=", "=", "contains"} {
		if p.word(o) {
			op = o
			break
		}
	}
	value := p.text()
	switch op {
	case "=": // which does not look at the case
		return func(f *file) bool { return strings.EqualFold(field(f), value) }
	case "!=":
		return func(f *file) bool { return !strings.EqualFold(field(f), value) }
	case "contains":
		return func(f *file) bool {
			return strings.HasPrefix(strings.ToLower(field(f)), strings.ToLower(value)) ||
				strings.Contains(strings.ToLower(field(f)), " "+strings.ToLower(value))
		}
	}
	return p.fail()
}

func (p *query) truth(field func(*file) bool, alone bool) match {
	want, negate := true, false
	switch {
	case p.word("!="):
		negate = true
	case p.word("="):
	case alone:
		return field
	default:
		return p.fail()
	}
	switch {
	case p.word("true"):
	case p.word("false"):
		want = false
	default:
		return p.fail()
	}
	return func(f *file) bool { return (field(f) == want) != negate }
}

func (p *query) moment(field func(*file) time.Time) match {
	for _, op := range []string{"<=", ">=", "<", ">", "="} {
		if !p.word(op) {
			continue
		}
		at, err := time.Parse(time.RFC3339, p.text())
		if err != nil {
			return p.fail()
		}
		return func(f *file) bool {
			switch c := field(f).Compare(at); op {
			case "<=":
				return c <= 0
			case ">=":
				return c >= 0
			case "<":
				return c < 0
			case ">":
				return c > 0
			default:
				return c == 0
			}
		}
	}
	return p.fail()
}

// text takes a quoted string, with \' and \\ in it.
func (p *query) text() string {
	if p.space(); !strings.HasPrefix(p.rest, "'") {
		p.fail()
		return ""
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '\\' && i+1 < len(p.rest):
			i++
			b.WriteByte(p.rest[i])
		case c == '\'':
			p.rest = p.rest[i+1:]
			return b.String()
		default:
			b.WriteByte(c)
		}
	}
	p.fail()
	return ""
}
