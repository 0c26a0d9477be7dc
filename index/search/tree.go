package search

import (
	"bytes"
	"cmp"
	"slices"

	"sd/library/catalog"
)

// tree has all folders: those of a pack, numbered as there, with what has changed since, and
// the new ones behind them. It is never changed once made.
type tree struct {
	pack    *pack
	parent  []int32
	changed map[int32]*dir // new folders, and those of the pack that are called or lie elsewhere, or have another time
	marks   []mark         // nil: none
	moved   bool           // some folder of the pack lies elsewhere, or is called otherwise
	places  map[int32]catalog.Place
}

// dir is a folder that is not as the pack has it.
type dir struct {
	id     catalog.FolderID
	name   string
	folded []byte
	time   int64
}

// mark says what of a folder in the pack does not hold any more.
type mark uint8

const (
	markGone  mark = 1 << iota // the folder is gone
	markAll                    // none of its files
	markSome                   // some of its files
	markMoved                  // it, or a folder above it, lies elsewhere than in the pack
)

// newTree returns the tree of a pack alone.
func newTree(p *pack) *tree {
	t := &tree{pack: p, parent: p.dirs.parent, places: map[int32]catalog.Place{}}
	next := 0
	for i, parent := range t.parent {
		if parent < 0 {
			t.places[int32(i)] = p.dirs.places[next]
			next++
		}
	}
	return t
}

func (t *tree) mark(i int32) mark {
	if int(i) >= len(t.marks) {
		return 0
	}
	return t.marks[i]
}

func (t *tree) name(i int32) string {
	if d := t.changed[i]; d != nil {
		return d.name
	}
	return t.pack.dirs.name(i)
}

func (t *tree) folded(i int32) []byte {
	if d := t.changed[i]; d != nil {
		return d.folded
	}
	return t.pack.dirs.folded(i)
}

func (t *tree) time(i int32) int64 {
	if d := t.changed[i]; d != nil {
		return d.time
	}
	return t.pack.dirs.times[i]
}

func (t *tree) id(i int32) catalog.FolderID {
	if d := t.changed[i]; d != nil {
		return d.id
	}
	return t.pack.dirs.ids[i]
}

// path returns where a folder is: the top, and the names from there on.
func (t *tree) path(i int32) (top int32, names []string) {
	for t.parent[i] >= 0 {
		names = append(names, t.name(i))
		i = t.parent[i]
	}
	slices.Reverse(names)
	return i, names
}

// compare orders folders by their paths: the places, then name by name.
func (t *tree) compare(a, b int32) int {
	if a == b {
		return 0
	}
	known := int32(len(t.pack.dirs.parent))
	if a < known && b < known && (t.mark(a)|t.mark(b))&markMoved == 0 {
		return cmp.Compare(a, b) // the order of the table
	}
	x, xs := t.path(a)
	y, ys := t.path(b)
	return cmp.Or(cmp.Compare(t.places[x], t.places[y]), slices.Compare(xs, ys))
}

// bits returns for each folder what the paths of its files have of m's bits. tops are those of
// the tops; what lies below one without any is no match. in are the folders to look in. The
// memory of buf is used again.
func (t *tree) bits(m *matcher, tops map[int32]uint64, in map[int32]bool, buf []uint64) []uint64 {
	bits := slices.Grow(buf[:0], len(t.parent))[:len(t.parent)]
	clear(bits)
	for i, w := range m.words { // first what the folders' names have by themselves
		markNames(bits, &t.pack.dirs, w, 1<<i)
	}
	for i, d := range t.changed {
		bits[i] = m.ofName(d.folded)
	}
	if len(t.changed) > 0 {
		t.down(func(i int32) { t.setBits(m, i, bits, tops, in) })
		return bits
	}
	for i := range bits { // they are in the order of the table
		t.setBits(m, int32(i), bits, tops, in)
	}
	return bits
}

// down calls fn for all folders, and for each before those in it.
func (t *tree) down(fn func(i int32)) {
	done := make([]bool, len(t.parent))
	var chain []int32
	for i := range t.parent {
		for at := int32(i); at >= 0 && !done[at]; at = t.parent[at] {
			chain = append(chain, at)
			done[at] = true
		}
		for len(chain) > 0 {
			fn(chain[len(chain)-1])
			chain = chain[:len(chain)-1]
		}
	}
}

// markMoved marks all that lies below a folder that has moved.
func (t *tree) markMoved() {
	t.down(func(i int32) {
		if parent := t.parent[i]; parent >= 0 {
			t.marks[i] |= t.marks[parent] & markMoved
		}
	})
}

// setBits sets the bits of a folder whose parent has its own already.
func (t *tree) setBits(m *matcher, i int32, bits []uint64, tops map[int32]uint64, in map[int32]bool) {
	parent, own := t.parent[i], bits[i]
	bits[i] = 0
	if parent < 0 {
		bits[i] = tops[i]
	} else if above := bits[parent]; above != 0 && t.mark(i)&markGone == 0 {
		bits[i] = m.walk(above, own, t.foldedFor(m, i))
	}
	if in[i] && bits[i] != 0 {
		bits[i] |= m.inside
	}
}

// foldedFor is folded, where m has paths to compare a name with.
func (t *tree) foldedFor(m *matcher, i int32) []byte {
	if len(m.paths) == 0 {
		return nil
	}
	return t.folded(i)
}

// markNames sets bit for all folders of the pack in whose names w is.
func markNames(bits []uint64, d *dirTable, w []byte, bit uint64) {
	at, i := 0, 0
	for {
		found := bytes.Index(d.text[at:], w)
		if found < 0 {
			return
		}
		at += found
		for int(d.at[i+1]) <= at {
			i++
		}
		bits[i] |= bit
		at = int(d.at[i+1]) - 1
	}
}
