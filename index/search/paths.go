package search

import "strings"

// pathTerm is a word or pattern with a slash in it: one step for each piece between the slashes.
// How far a path has come in it is a set of bits, of which bit n says that the first n steps
// lead to here. A folder hands it on to what is in it.
type pathTerm struct {
	steps  []step
	first  uint   // where its bits begin; there is one more than steps
	loose  bool   // it may begin in any folder
	sticky bool   // what is below something that fits does so too
	need   []byte // what stands in the name of all that the last step fits; see glob.literal
}

type step struct {
	glob
	deep bool // any number of folders
}

// parsePath reads a folded term that has a slash.
func parsePath(t term) pathTerm {
	pieces := strings.Split(t.text, "/")
	if !t.pattern {
		p := pathTerm{loose: true, sticky: true}
		for i, piece := range pieces {
			g := glob{parts: []globPart{nil}}
			if piece != "" {
				g.parts[0] = globPart{{lit: piece}}
			}
			if i == 0 {
				g.parts = append([]globPart{nil}, g.parts...)
			}
			if i == len(pieces)-1 {
				g.parts = append(g.parts, nil)
			}
			if i > 0 || piece != "" { // the path begins with a slash, too
				p.steps = append(p.steps, step{glob: g})
			}
		}
		return p.ready()
	}
	p := pathTerm{loose: true}
	if pieces[0] == "" {
		p.loose, pieces = false, pieces[1:]
	}
	for i, piece := range pieces {
		if piece != "**" {
			if piece != "" {
				p.steps = append(p.steps, step{glob: parseGlob(piece)})
			}
			continue
		}
		if n := len(p.steps); n == 0 {
			p.loose = true
		} else if !p.steps[n-1].deep {
			p.steps = append(p.steps, step{deep: true})
		}
		if i == len(pieces)-1 {
			p.steps = append(p.steps, step{glob: parseGlob("*")})
		}
	}
	if n := len(p.steps); n == 0 || p.steps[n-1].deep {
		p.steps = append(p.steps, step{glob: parseGlob("*")})
	}
	return p.ready()
}

func (p pathTerm) ready() pathTerm {
	p.need = []byte(p.steps[len(p.steps)-1].literal())
	return p
}

func (p *pathTerm) bits() uint     { return uint(len(p.steps)) + 1 }
func (p *pathTerm) accept() uint64 { return 1 << (p.first + uint(len(p.steps))) }
func (p *pathTerm) start() uint64  { return 1 << p.first }

// near is set where the last step may come next.
func (p *pathTerm) near() uint64 { return p.accept() >> 1 }

// walk returns the bits of a folder or file called name in a folder whose bits are above.
func (p *pathTerm) walk(above uint64, name []byte) (bits uint64) {
	for i := range p.steps {
		bit := uint64(1) << (p.first + uint(i))
		switch s := &p.steps[i]; {
		case above&bit == 0:
		case s.deep:
			bits |= bit | bit<<1
		case s.match(name):
			bits |= bit << 1
		}
		if p.steps[i].deep && bits&bit != 0 {
			bits |= bit << 1
		}
	}
	return bits
}
