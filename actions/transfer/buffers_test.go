package transfer

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// TestBuffers lends to many at once no more than there is, and keeps no more than that.
func TestBuffers(t *testing.T) {
	p := newBuffers(32 << 20)
	var lent atomic.Int64
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			for range 200 {
				n := 1 + rand.Int64N(4<<20)
				b, err := p.get(t.Context(), n)
				if err != nil {
					t.Error(err)
					return
				}
				if now := lent.Add(n); now > 32<<20 || int64(len(b.b)) != n {
					t.Errorf("%d bytes are lent, %d just now, want %d", now, len(b.b), n)
				}
				b.b[0], b.b[n-1] = 1, 1
				lent.Add(-n)
				b.put()
			}
		})
	}
	group.Wait()
	kept := int64(0)
	for class, list := range p.kept {
		kept += int64(len(list)) << class
	}
	if kept != p.total || kept > p.bound {
		t.Errorf("%d bytes are kept, counted as %d, bound %d", kept, p.total, p.bound)
	}
	// More than the bound is for one alone, and who waits gives up with ctx.
	big, err := p.get(t.Context(), 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.get(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
	big.put()
}
