package search

import "encoding/binary"

// appendCase appends what makes name from its folded form; nothing where they are equal. The
// caller has told which entry it is about.
func appendCase(b []byte, name string, folded []byte) []byte {
	last := -1
	plain := len(name) == len(folded)
	for i := 0; plain && i < len(name); i++ {
		switch c := name[i]; {
		case c == folded[i]:
		case 'A' <= c && c <= 'Z' && folded[i] == c+('a'-'A'):
			last = i
		default:
			plain = false
		}
	}
	n := last/8 + 1
	if !plain || n > 255 {
		b = append(b, 0)
		b = binary.AppendUvarint(b, uint64(len(name)))
		return append(b, name...)
	}
	b = append(b, byte(n))
	at := len(b)
	b = append(b, make([]byte, n)...)
	for i := 0; i <= last; i++ {
		if name[i] != folded[i] {
			b[at+i/8] |= 1 << (i % 8)
		}
	}
	return b
}

// applyCase appends to dst the name whose folded form is folded; r is at what appendCase
// has written for it.
func applyCase(dst []byte, r *reader, folded []byte) []byte {
	n := r.bytes(1)
	if r.bad {
		return dst
	}
	if n[0] == 0 {
		return append(dst, r.bytes(r.uvarint())...)
	}
	bits := r.bytes(uint64(n[0]))
	at := len(dst)
	dst = append(dst, folded...)
	for i, b := range bits {
		for bit := 0; b != 0; bit, b = bit+1, b>>1 {
			k := i*8 + bit
			if b&1 == 0 {
				continue
			}
			if k >= len(folded) || folded[k] < 'a' || folded[k] > 'z' {
				r.bad = true
				return dst
			}
			dst[at+k] -= 'a' - 'A'
		}
	}
	return dst
}

// skipCase goes over what appendCase has written.
func skipCase(r *reader) {
	if n := r.bytes(1); r.bad {
		return
	} else if n[0] != 0 {
		r.bytes(uint64(n[0]))
	} else {
		r.bytes(r.uvarint())
	}
}
