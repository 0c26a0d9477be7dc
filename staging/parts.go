package staging

import (
	"sd/backends"
)

// A grid cuts a file into parts whose size grows with their place, so that ten
// thousand of them reach over 6 TiB: a thousand of unit bytes, three thousand of eight
// times that, and the rest of 128 times.
type grid struct{ unit int64 }

const (
	smallParts, mediumParts   = 1000, 3000
	mediumFactor, largeFactor = 8, 128
)

// index returns the number, from 0 on, of the part that holds off.
func (g grid) index(off int64) int {
	small, medium := smallParts*g.unit, mediumParts*mediumFactor*g.unit
	switch {
	case off < small:
		return int(off / g.unit)
	case off < small+medium:
		return smallParts + int((off-small)/(mediumFactor*g.unit))
	}
	return smallParts + mediumParts + int((off-small-medium)/(largeFactor*g.unit))
}

// span returns the bytes of a whole part.
func (g grid) span(i int) span {
	size, off := g.unit, int64(0)
	switch {
	case i < smallParts:
		off = int64(i) * size
	case i < smallParts+mediumParts:
		size *= mediumFactor
		off = smallParts*g.unit + int64(i-smallParts)*size
	default:
		size *= largeFactor
		off = smallParts*g.unit + mediumParts*mediumFactor*g.unit + int64(i-smallParts-mediumParts)*size
	}
	return span{off, off + size}
}

// piece is one part of an upload: bytes to send, or to copy from the Base.
type piece struct {
	num int // from 1 on
	span
	copy bool
}

// sent is a part that arrived, with its bytes and their generation.
type sent struct {
	backends.Part
	span
	gen    uint64
	flying bool // being sent, by the stream
}

// generation is that of a span: the sum over the parts of the grid that it meets. It
// goes up with every change in one of them.
func (g grid) generation(gens []uint64, s span) uint64 {
	var total uint64
	for i := g.index(s.off); i < len(gens) && g.span(i).off < s.end; i++ {
		total += gens[i]
	}
	return total
}

// gridPieces cuts v into the parts of the grid, as streaming did.
func gridPieces(v *view, g grid) []piece {
	var pieces []piece
	for off := int64(0); off < v.size; {
		s := g.span(len(pieces))
		s.end = min(s.end, v.size)
		pieces = append(pieces, piece{len(pieces) + 1, s, v.remote(s.off, s.end)})
		off = s.end
	}
	return pieces
}

// freePieces cuts v so that as little as possible is sent, and untouched parts of the
// Base are copied in a few large pieces.
func freePieces(v *view, g grid, limits backends.UploadLimits) []piece {
	// Some dozens of copies run at once; each of them must end in good time.
	most := min(limits.MaxPart, max(16*g.unit, v.size/2000))
	var pieces []piece
	for i, off := 0, int64(0); off < v.size; i++ {
		s := g.span(i)
		s.end = min(s.end, v.size)
		off = s.end
		p := piece{span: s, copy: v.remote(s.off, s.end)}
		if n := len(pieces); n > 0 && p.copy && pieces[n-1].copy && p.end-pieces[n-1].off <= most {
			pieces[n-1].end = p.end
			continue
		}
		pieces = append(pieces, p)
	}
	// The last part may be short: the bytes before what was appended are copied too.
	if n := len(pieces); n > 1 && pieces[n-2].copy && !pieces[n-1].copy {
		last, before := &pieces[n-1], &pieces[n-2]
		if l, until := segment(v.layers, last.off, last.end); l == nil && until-before.off <= limits.MaxPart {
			before.end, last.off = until, until
		}
	}
	for i := range pieces {
		pieces[i].num = i + 1
	}
	return pieces
}
