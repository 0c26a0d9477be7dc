package fs

import (
	"context"
	"sync"
)

// beside is what runs beside the requests of the kernel, until the tree is closed. Safe for
// concurrent use.
type beside struct {
	life context.Context
	end  context.CancelFunc

	mu   sync.Mutex
	runs sync.WaitGroup
}

// run does it in the background, unless the tree is closed, which it tells; its context ends
// then.
func (b *beside) run(do func(ctx context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.life.Err() != nil {
		return false
	}
	b.runs.Go(func() { do(b.life) })
	return true
}

// close ends what runs and waits for it.
func (b *beside) close() {
	b.mu.Lock()
	b.end()
	b.mu.Unlock()
	b.runs.Wait()
}
