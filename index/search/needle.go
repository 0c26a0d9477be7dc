package search

import "bytes"

// needle is a string to look for in texts. It is found by the byte of it that they have least.
type needle struct {
	lit  []byte
	rare int  // where in lit that byte is
	next int  // and where the one is that is rarest but for it
	few  bool // it is so rare that most of its places are hits
	cost uint32
}

// fewBytes is the share of a byte, in 2^32ths, up to which looking for it alone is faster
// than comparing everywhere. It was measured.
const fewBytes = 1 << 32 / 24

func newNeedle(lit []byte, rarity *[256]uint32) needle {
	n := needle{lit: lit}
	for i, c := range lit {
		if rarity[c] < rarity[lit[n.rare]] {
			n.rare = i
		}
	}
	for i, c := range lit {
		if i != n.rare && (n.next == n.rare || rarity[c] < rarity[lit[n.next]]) {
			n.next = i
		}
	}
	n.cost = rarity[lit[n.rare]]
	n.few = n.cost < fewBytes
	return n
}

// index returns where the first is in s, or -1.
func (n *needle) index(s []byte) int {
	if len(n.lit) == 1 {
		return bytes.IndexByte(s, n.lit[0])
	}
	if !n.few {
		return bytes.Index(s, n.lit)
	}
	c, second := n.lit[n.rare], n.lit[n.next]
	for at := n.rare; at < len(s); {
		i := bytes.IndexByte(s[at:], c)
		if i < 0 {
			return -1
		}
		start := at + i - n.rare
		if len(s)-start < len(n.lit) {
			return -1
		}
		if s[start+n.next] == second && string(s[start:start+len(n.lit)]) == string(n.lit) {
			return start
		}
		at += i + 1
	}
	return -1
}
