package cache

import "github.com/dgraph-io/ristretto/v2"

// tier keeps whole blocks that may be asked for again. It promises nothing: a block
// that was put may be refused (ristretto admits by frequency, so a file that is read
// once does not push out what is read often), appear a little later, or go at any time.
type tier struct {
	blocks *ristretto.Cache[uint64, *block]
}

// newTier makes a tier of at most limit bytes.
func newTier(limit int64) (*tier, error) {
	blocks, err := ristretto.NewCache(&ristretto.Config[uint64, *block]{
		NumCounters:        max(10_000, 10*limit/(64<<10)), // ten for each file of 64 KiB
		MaxCost:            limit,
		BufferItems:        64,
		IgnoreInternalCost: true, // part of overhead
		KeyToHash:          func(h uint64) (uint64, uint64) { return h, 0 },
		// Called once for every block that was put: refused, replaced or dropped.
		OnExit: func(b *block) {
			if b != nil {
				b.release()
			}
		},
	})
	if err != nil {
		return nil, err
	}
	return &tier{blocks}, nil
}

// get finds a whole block, or nil. The block may lose its owners at any time; its
// bytes stay what they are.
func (t *tier) get(k key) *block {
	b, ok := t.blocks.Get(k.hash())
	if !ok || b == nil || b.key != k {
		return nil
	}
	return b
}

// put offers a whole block, with one ownership of it.
func (t *tier) put(b *block) {
	if !t.blocks.Set(b.key.hash(), b, b.charge) {
		b.release()
	}
}

// size tells how many bytes are kept.
func (t *tier) size() int64 {
	return t.blocks.MaxCost() - t.blocks.RemainingCost()
}

// close forgets everything. No get or put may run or follow.
func (t *tier) close() {
	t.blocks.Close()
}
