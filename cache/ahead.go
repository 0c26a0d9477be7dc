package cache

import (
	"slices"
	"sync"
)

// The policy of reading small files ahead.
const (
	firstFiles = 4  // files ahead of the furthest opened, at first
	mostFiles  = 64 // and when the run has lasted; it doubles with each file

	// Several readers that take from one queue open files roughly in order: within this
	// many of the furthest and the nearest that the run has had.
	shuffle = 16

	// established is the score that makes a run. An open of the very next file scores
	// exact, another one nearby 1, and one elsewhere takes 1 away.
	established = 6
	exact       = 3

	// A run that opens fewer than one in sparse of the files it passes warms none.
	sparse = 4

	runs = 2 // that one folder can have at the same time
)

// Order watches the order in which the small files of one folder are opened, and says
// which to fetch before they are asked for: those that follow in the listing, once
// some were opened one after another. The zero Order is ready. It is safe for
// concurrent use and does nothing but count.
type Order struct {
	mu   sync.Mutex
	runs []*run // used last comes first
}

// run is one way through the listing, from lower to higher indexes.
type run struct {
	first, next int // the opened ones lie in [first, next)
	opened      int // how many
	score       int
	window      int
	ahead       int // the first index that was not given out
}

// Opened notes that the file at index of the listing is opened now, and gives the
// range [from, to) of further indexes whose files are to be fetched; it is empty if
// from >= to, may go past the end of the listing, and is not given again. The caller
// tells by Stopped how far it came if it did not come to the end.
func (o *Order) Opened(index int) (from, to int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.find(index)
	if r == nil {
		for _, other := range o.runs {
			other.score--
		}
		r = &run{first: index, next: index + 1, opened: 1, ahead: index + 1}
		o.runs = slices.Insert(o.runs[:min(len(o.runs), runs-1)], 0, r)
		return 0, 0
	}
	if !r.open(index) {
		return 0, 0
	}
	from = max(r.ahead, r.next)
	r.ahead = max(r.ahead, r.next+r.window)
	return from, r.ahead
}

// Stopped takes back that the files from index on were given out, for lack of memory,
// say. They are given out again when the next file of their run is opened.
func (o *Order) Stopped(index int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.runs {
		if index > r.first && index < r.ahead && index <= r.next+mostFiles {
			r.ahead = max(index, r.next)
			return
		}
	}
}

// find gives the run that index goes on with, or nil, and moves it to the front.
func (o *Order) find(index int) *run {
	for i, r := range o.runs {
		if r.near(index) {
			copy(o.runs[1:i+1], o.runs[:i])
			o.runs[0] = r
			return r
		}
	}
	return nil
}

// near tells whether index is part of r. What was given out already is near, however
// far the window goes.
func (r *run) near(index int) bool {
	if r.window == 0 {
		return index >= r.first-shuffle && index < r.next+shuffle
	}
	return index >= r.next-mostFiles && index < max(r.ahead, r.next)+shuffle
}

// open notes one more file and tells whether it is time to read ahead.
func (r *run) open(index int) bool {
	r.opened++
	switch {
	case index == r.next:
		r.score = min(r.score+exact, 2*established)
	case index >= r.next || r.window == 0 && index < r.first:
		r.score = min(r.score+1, 2*established)
	default:
		return false // a straggler, or the same again
	}
	r.first, r.next = min(r.first, index), max(r.next, index+1)
	passed := r.next - r.first
	switch {
	case r.score < established:
		return false
	case passed >= shuffle && passed > sparse*r.opened:
		r.window = max(r.window/2, 1)
		return false
	case passed > 2*mostFiles: // what was long ago says little
		r.first += passed / 2
		r.opened /= 2
	}
	r.window = min(max(firstFiles, 2*r.window), mostFiles)
	return true
}
