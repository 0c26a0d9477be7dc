package rclone

import (
	"context"
	"slices"
	"sync"
)

// keyed are locks by name, so that no two changes of one name in this process look and then
// write at the same time.
type keyed struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when it is given back
}

// lock waits for all of names. The result gives them back.
func (k *keyed) lock(ctx context.Context, names ...string) (unlock func(), err error) {
	slices.Sort(names)
	names = slices.Compact(names)
	for i, name := range names {
		if err := k.one(ctx, name); err != nil {
			k.unlock(names[:i])
			return nil, err
		}
	}
	return func() { k.unlock(names) }, nil
}

func (k *keyed) one(ctx context.Context, name string) error {
	for {
		k.mu.Lock()
		busy := k.held[name]
		if busy == nil {
			if k.held == nil {
				k.held = map[string]chan struct{}{}
			}
			k.held[name] = make(chan struct{})
			k.mu.Unlock()
			return nil
		}
		k.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (k *keyed) unlock(names []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, name := range names {
		close(k.held[name])
		delete(k.held, name)
	}
}
