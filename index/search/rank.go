package search

// Rank says how well a hit's name fits the words of the query. Lower ones are better; among equals
// the shorter name comes first, then the one that was changed last, then the order of folders
// and in them of names.
type Rank uint8

// The ranks. Where a query has no words, but patterns or filters only, all hits have RankName.
const (
	RankName   Rank = iota // the words are the whole name
	RankStem               // the name without its extension
	RankPrefix             // the beginning of the name
	RankWord               // each begins a word of the name
	RankPart               // each is somewhere in the name
	RankPath               // some are not in the name, but in that of a folder above
)

// candidate is a match, in a form that is quick to compare.
type candidate struct {
	key    uint64 // rank and length of the name: rank<<32 | bytes
	time   int64  // seconds
	folder int32  // where it lies, in the tree
	from   int32  // the block it is from, or one of the two below
	entry  int32  // its number there
	at     uint32 // where its name begins in the block's text
}

const (
	fromFresh   = -1 // the entry is one of the overlay's files
	fromFolders = -2 // the entry is a folder of the tree
)

func keyOf(r Rank, name []byte) uint64 { return uint64(r)<<32 | uint64(uint32(len(name))) }

// top keeps the best of the candidates it is offered.
type top struct {
	limit int
	heap  []candidate                // the worst first
	less  func(a, b *candidate) bool // decides between candidates of equal key and time
}

// worst returns the key above which a candidate has no chance.
func (t *top) worst() uint64 {
	if len(t.heap) < t.limit {
		return 1<<64 - 1
	}
	return t.heap[0].key
}

// better tells whether a comes before b.
func (t *top) better(a, b *candidate) bool {
	if a.key != b.key {
		return a.key < b.key
	}
	if a.time != b.time {
		return a.time > b.time
	}
	return t.less(a, b)
}

func (t *top) offer(c candidate) {
	if len(t.heap) < t.limit {
		t.heap = append(t.heap, c)
		for i := len(t.heap) - 1; i > 0; {
			up := (i - 1) / 2
			if !t.better(&t.heap[up], &t.heap[i]) {
				break
			}
			t.heap[up], t.heap[i] = t.heap[i], t.heap[up]
			i = up
		}
		return
	}
	if t.limit == 0 || !t.better(&c, &t.heap[0]) {
		return
	}
	t.heap[0] = c
	for i := 0; ; {
		down := 2*i + 1
		if down >= len(t.heap) {
			return
		}
		if right := down + 1; right < len(t.heap) && t.better(&t.heap[down], &t.heap[right]) {
			down = right
		}
		if !t.better(&t.heap[i], &t.heap[down]) {
			return
		}
		t.heap[i], t.heap[down] = t.heap[down], t.heap[i]
		i = down
	}
}
