package search

import "bytes"

// plan is how the files of folders that have the same bits are looked through.
type plan struct {
	above  uint64 // the folders' bits
	none   bool   // none of the files can be a match
	needle needle // all matches have it; none: nil
	sure   bool   // and nothing else of the text is wanted
	// byPath says that all files are matches, so far as the text goes. Those that have the words in
	// their names, too, all have the needle.
	byPath bool
}

// plan makes the plan for folders whose bits are above.
func (m *matcher) plan(above uint64, rarity *[256]uint32) *plan {
	p := &plan{above: above}
	have := above & m.keep
	if have&alive == 0 || have&m.inside == 0 {
		p.none = true
		return p
	}
	wants := 0
	open := func(lit []byte) {
		wants++
		p.take(lit, rarity)
	}
	for i, w := range m.words {
		if have&(1<<i) == 0 {
			open(w)
		}
	}
	for i := range m.globs {
		open([]byte(m.globs[i].literal()))
		wants++
	}
	for i := range m.paths {
		path := &m.paths[i]
		if have&path.accept() != 0 {
			continue
		}
		if above&path.near() == 0 {
			p.none = true
			return p
		}
		open(path.need)
		wants++
	}
	p.sure = wants == 1
	if wants == 0 && len(m.words) > 0 {
		p.byPath = true
		for _, w := range m.words {
			p.take(w, rarity)
		}
		return p
	}
	if len(m.exts) == 1 {
		p.take(append(bytes.Clone(m.exts[0]), separator), rarity)
		p.sure = p.sure && wants > 0 && !bytes.HasSuffix(p.needle.lit, []byte{separator})
	}
	return p
}

// take makes lit the needle, if there is none yet that is rarer.
func (p *plan) take(lit []byte, rarity *[256]uint32) {
	if len(lit) == 0 {
		return
	}
	n := newNeedle(lit, rarity)
	if p.needle.lit == nil || n.cost < p.needle.cost || n.cost == p.needle.cost && len(lit) > len(p.needle.lit) {
		p.needle = n
	}
}
