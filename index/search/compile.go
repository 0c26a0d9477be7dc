package search

import (
	"bytes"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sd/library/catalog"
)

// matcher is a query made ready. It is never changed, so that several goroutines may use it.
//
// What a path has fulfilled is a set of bits: one for each word, some for each
// pathTerm, and one that says that it lies where the query looks. Folders hand their
// bits on; a file is a match when its folder's bits and its name's are all that is wanted.
type matcher struct {
	words [][]byte // in the name or above; word i is bit i
	paths []pathTerm
	globs []glob // on the name
	whole []byte // the words with a blank between

	inside uint64 // the bit of where to look
	want   uint64 // all that must be there
	keep   uint64 // what folders hand on, of what is wanted
	start  uint64 // what every folder has

	kinds      uint32 // a bit for each; 0: all
	exts       [][]byte
	min, max   int64 // sizes; max < 0: none
	from, till int64 // seconds; from <= t < till
	sized      bool
	timed      bool
	files      bool // files can be matches
	folders    bool // folders can be
}

// alive is a bit of all folders below a place that can be named. Those without have no bits at all.
const alive = 1 << 63

// maxBits is how many bits a query may need besides.
const maxBits = 63

func compile(q Query) (*matcher, error) {
	terms, err := split(q.Text)
	if err != nil {
		return nil, &QueryError{q.Text, err.Error()}
	}
	m := &matcher{}
	var paths []term
	for _, t := range terms {
		switch {
		case strings.Contains(t.text, "/"):
			paths = append(paths, t)
		case t.pattern:
			m.globs = append(m.globs, parseGlob(t.text))
		default:
			m.words = append(m.words, []byte(t.text))
		}
	}
	m.whole = bytes.Join(m.words, []byte(" "))
	m.words = slices.CompactFunc(slices.SortedStableFunc(slices.Values(m.words), bytes.Compare), bytes.Equal)
	bits := uint(len(m.words))
	for _, t := range paths {
		p := parsePath(t)
		p.first = bits
		bits += p.bits()
		m.paths = append(m.paths, p)
	}
	if bits+1 > maxBits {
		return nil, &QueryError{q.Text, "it has too many words"}
	}
	m.setBits(bits)
	return m, m.setFilters(q)
}

func (m *matcher) setBits(inside uint) {
	m.inside = 1 << inside
	m.want = 1<<len(m.words) - 1 | m.inside
	m.keep = m.want | alive
	for i := range m.paths {
		p := &m.paths[i]
		m.want |= p.accept()
		if p.sticky {
			m.keep |= p.accept()
		}
		if p.loose {
			m.start |= p.start()
		}
	}
}

func (m *matcher) setFilters(q Query) error {
	for _, k := range q.Kinds {
		if k >= 32 {
			return &QueryError{q.Text, "its kind is none that files have"}
		}
		m.kinds |= 1 << k
	}
	for _, ext := range q.Exts {
		if ext = strings.TrimPrefix(ext, "."); ext == "" {
			return &QueryError{q.Text, "an extension is empty"}
		}
		m.exts = append(m.exts, fold([]byte{'.'}, ext))
	}
	m.min, m.max = q.MinSize, -1
	if q.MaxSize != 0 {
		m.max = max(q.MaxSize, 0)
	}
	m.sized = m.min > 0 || m.max >= 0
	m.from, m.till = secondOf(q.After, -1<<63), secondOf(q.Before, 1<<63-1)
	m.timed = !q.After.IsZero() || !q.Before.IsZero()
	m.files = m.kinds == 0 || m.kinds&^(1<<catalog.KindFolder) != 0
	m.folders = (m.kinds == 0 || m.kinds&(1<<catalog.KindFolder) != 0) && !m.sized && len(m.exts) == 0
	return nil
}

func secondOf(t time.Time, zero int64) int64 {
	if t.IsZero() {
		return zero
	}
	return t.Unix()
}

// ofName returns the bits that a name has by itself.
func (m *matcher) ofName(name []byte) (bits uint64) {
	for i, w := range m.words {
		if bytes.Contains(name, w) {
			bits |= 1 << i
		}
	}
	return bits
}

// walk returns the bits of a folder called name in a folder whose bits are above; own are
// those of the name.
func (m *matcher) walk(above, own uint64, name []byte) uint64 {
	bits := m.start | above&m.keep | own
	for i := range m.paths {
		bits |= m.paths[i].walk(above, name)
	}
	return bits
}

// fits tells whether an entry called name, in a folder whose bits are above, is what the text
// of the query wants.
func (m *matcher) fits(above uint64, name []byte) bool {
	have := above & m.keep
	for i, w := range m.words {
		if have&(1<<i) == 0 {
			if !bytes.Contains(name, w) {
				return false
			}
			have |= 1 << i
		}
	}
	if !m.globsFit(name) {
		return false
	}
	for i := range m.paths {
		if p := &m.paths[i]; have&p.accept() == 0 {
			if above&p.near() == 0 {
				return false
			}
			have |= p.walk(above, name)
		}
	}
	return have&m.want == m.want
}

func (m *matcher) globsFit(name []byte) bool {
	for i := range m.globs {
		if !m.globs[i].match(name) {
			return false
		}
	}
	return true
}

// ext tells whether a name has one of the extensions.
func (m *matcher) ext(name []byte) bool {
	if len(m.exts) == 0 {
		return true
	}
	for _, e := range m.exts {
		if len(name) > len(e) && bytes.HasSuffix(name, e) {
			return true
		}
	}
	return false
}

func (m *matcher) kind(k catalog.Kind) bool { return m.kinds == 0 || m.kinds&(1<<k) != 0 }
func (m *matcher) size(n int64) bool        { return n >= m.min && (m.max < 0 || n <= m.max) }
func (m *matcher) time(t int64) bool        { return m.from <= t && t < m.till }

// rank tells how well a name fits that is a match.
func (m *matcher) rank(name []byte) Rank {
	if len(m.words) == 0 {
		return RankName
	}
	starts := true
	for _, w := range m.words {
		i := bytes.Index(name, w)
		if i < 0 {
			return RankPath
		}
		starts = starts && startsWord(name, w, i)
	}
	switch {
	case bytes.HasPrefix(name, m.whole) && len(name) == len(m.whole):
		return RankName
	case bytes.HasPrefix(name, m.whole) && bytes.LastIndexByte(name, '.') == len(m.whole):
		return RankStem
	case bytes.HasPrefix(name, m.whole):
		return RankPrefix
	case starts:
		return RankWord
	}
	return RankPart
}

// startsWord tells whether some w in name is at the beginning of a word; i is where the first is.
func startsWord(name, w []byte, i int) bool {
	for {
		if i == 0 || class(name[i-1]) == 0 || class(name[i-1]) != class(name[i]) {
			return true
		}
		next := bytes.Index(name[i+1:], w)
		if next < 0 {
			return false
		}
		i += 1 + next
	}
}

// class tells apart letters, digits and all else; what is not ASCII counts as a letter.
func class(c byte) int {
	switch {
	case 'a' <= c && c <= 'z', c >= utf8.RuneSelf:
		return 1
	case '0' <= c && c <= '9':
		return 2
	}
	return 0
}
