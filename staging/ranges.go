package staging

import (
	"math"
	"slices"
	"sort"
)

// span is the bytes from off up to, not including, end.
type span struct{ off, end int64 }

// ranges is a set of bytes: spans in order that neither overlap nor touch.
type ranges []span

// find returns the index of the first span that ends after off.
func (r ranges) find(off int64) int {
	if n := len(r); n == 0 || r[n-1].end <= off {
		return n
	}
	return sort.Search(len(r), func(i int) bool { return r[i].end > off })
}

// at tells whether off is in the set, and up to where that answer holds.
func (r ranges) at(off int64) (in bool, until int64) {
	i := r.find(off)
	switch {
	case i == len(r):
		return false, math.MaxInt64
	case r[i].off <= off:
		return true, r[i].end
	}
	return false, r[i].off
}

// missing counts the bytes of [off, end) that are not in the set.
func (r ranges) missing(off, end int64) int64 {
	n := end - off
	for i := r.find(off); i < len(r) && r[i].off < end; i++ {
		n -= min(end, r[i].end) - max(off, r[i].off)
	}
	return n
}

// add puts [off, end) in and returns how many bytes are new.
func (r *ranges) add(off, end int64) int64 {
	if off >= end {
		return 0
	}
	s := *r
	// A write that goes on where the last one ended is by far the most frequent one.
	if n := len(s); n > 0 && s[n-1].end == off {
		s[n-1].end = end
		return end - off
	}
	added := s.missing(off, end)
	// Spans i to j touch or overlap the new one and become one with it.
	i := sort.Search(len(s), func(i int) bool { return s[i].end >= off })
	j := i
	for ; j < len(s) && s[j].off <= end; j++ {
		off, end = min(off, s[j].off), max(end, s[j].end)
	}
	if i < j {
		s[i] = span{off, end}
		*r = slices.Delete(s, i+1, j)
		return added
	}
	*r = slices.Insert(s, i, span{off, end})
	return added
}

// remove takes [off, end) out and returns how many bytes were in.
func (r *ranges) remove(off, end int64) int64 {
	if off >= end {
		return 0
	}
	s := *r
	i := s.find(off)
	j, removed := i, int64(0)
	var rest []span
	for ; j < len(s) && s[j].off < end; j++ {
		removed += min(end, s[j].end) - max(off, s[j].off)
		if s[j].off < off {
			rest = append(rest, span{s[j].off, off})
		}
		if s[j].end > end {
			rest = append(rest, span{end, s[j].end})
		}
	}
	if i < j {
		*r = slices.Replace(s, i, j, rest...)
	}
	return removed
}

// bytes counts the set.
func (r ranges) bytes() int64 {
	var n int64
	for _, s := range r {
		n += s.end - s.off
	}
	return n
}

// lastBefore returns the end of the bytes that lie before end, 0 if there are none.
func (r ranges) lastBefore(end int64) int64 {
	for i := len(r) - 1; i >= 0; i-- {
		if r[i].off < end {
			return min(end, r[i].end)
		}
	}
	return 0
}
