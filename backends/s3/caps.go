package s3

import (
	"context"
	"errors"
	iofs "io/fs"
	"sync"
	"sync/atomic"

	"sd/backends"
)

// capabilities is what is known of the server: nothing, until somebody asks or a
// conditional write has succeeded. Till then writes look first and send their condition
// besides, which is right with every server and costs one HEAD; so no write waits for
// the probe, which takes a few round trips.
type capabilities struct {
	known atomic.Pointer[backends.Capabilities]
	key   atomic.Pointer[string] // what the probe writes; listings leave it out

	mu      sync.Mutex
	asking  chan struct{} // closed when the probe that runs has ended; nil if none does
	err     error         // of the last one
	tried   bool
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func (k *capabilities) init(known *backends.Capabilities) {
	if known != nil {
		given := *known
		k.known.Store(&given)
	}
	k.ctx, k.cancel = context.WithCancel(context.Background())
}

// stop ends a probe in the background and waits for it.
func (k *capabilities) stop() {
	k.mu.Lock()
	k.tried = true
	k.mu.Unlock()
	k.cancel()
	k.running.Wait()
}

// probes tells whether key is that of the probe.
func (k *capabilities) probes(key *string) bool {
	own := k.key.Load()
	return own != nil && key != nil && *own == *key
}

// copySource tells whether the version of a copy's source may be left to the server.
func (k *capabilities) copySource() bool {
	known := k.known.Load()
	return known != nil && known.CopySource
}

// noCopyPart tells whether the server is known to copy no parts.
func (k *capabilities) noCopyPart() bool {
	known := k.known.Load()
	return known != nil && !known.CopyPart
}

// guard looks whether c holds of key, unless the server is known to see to that itself.
// It tells whether the condition should be sent.
func (b *Backend) guard(ctx context.Context, key string, c backends.Cond, heeds func(*backends.Capabilities) (absent, version bool)) (send bool, err error) {
	if c == (backends.Cond{}) {
		return false, nil
	}
	known := b.caps.known.Load()
	if known != nil {
		absent, version := heeds(known)
		send = c.Absent && absent || c.Version != "" && version
		if send && (c.Version == "" || etag(c.Version) != nil) {
			return true, nil
		}
	}
	return known == nil || send, b.holds(ctx, key, c)
}

// learnAfter has the server probed in the background after the first write that its
// answer would have made cheaper, and that showed the right to write.
func (b *Backend) learnAfter(conditional bool) {
	if !conditional || b.caps.known.Load() != nil {
		return
	}
	b.caps.mu.Lock()
	defer b.caps.mu.Unlock()
	if b.caps.tried {
		return
	}
	b.caps.tried = true
	b.caps.running.Go(func() { _, _ = b.Capabilities(b.caps.ctx) })
}

// Capabilities probes the server, unless that was done. Others wait for the same probe.
func (b *Backend) Capabilities(ctx context.Context) (backends.Capabilities, error) {
	for {
		if known := b.caps.known.Load(); known != nil {
			return *known, nil
		}
		b.caps.mu.Lock()
		if b.caps.known.Load() != nil {
			b.caps.mu.Unlock()
			continue
		}
		other := b.caps.asking
		if other == nil {
			b.caps.asking = make(chan struct{})
		}
		b.caps.tried = true
		b.caps.mu.Unlock()
		if other == nil {
			return b.ask(ctx)
		}
		select {
		case <-other:
		case <-ctx.Done():
			return backends.Capabilities{}, pathError("probe", "", ctx.Err())
		}
		b.caps.mu.Lock()
		err := b.caps.err
		b.caps.mu.Unlock()
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			return backends.Capabilities{}, err
		}
	}
}

// ask runs the probe that the caller has the place for.
func (b *Backend) ask(ctx context.Context) (backends.Capabilities, error) {
	found, err := b.probeConditions(ctx)
	err = pathError("probe", "", err)
	if err == nil {
		b.caps.known.Store(&found)
	}
	b.caps.mu.Lock()
	defer b.caps.mu.Unlock()
	b.caps.err = err
	close(b.caps.asking)
	b.caps.asking = nil
	return found, err
}

// holds tells whether a condition holds now.
func (b *Backend) holds(ctx context.Context, name string, c backends.Cond) error {
	_, err := b.head(ctx, name, c.Version)
	switch {
	case !c.Absent:
		return err
	case err == nil:
		return iofs.ErrExist
	case errors.Is(err, iofs.ErrNotExist):
		return nil
	}
	return err
}
