package s3

import (
	"context"
	"errors"
	iofs "io/fs"
	"sync"
	"sync/atomic"
	"time"

	"sd/backends"
)

// capabilities is what is known of the server: nothing, until somebody asks or a
// conditional write has succeeded. Till then writes look first and send their condition
// besides, which is right with every server and costs one HEAD; so no write waits for
// the probe, which takes a few round trips.
type capabilities struct {
	memory memory
	once   sync.Once // looks into memory
	known  atomic.Pointer[backends.Capabilities]
	key    atomic.Pointer[string] // what the probe writes; listings leave it out

	running sync.WaitGroup

	mu    sync.Mutex
	probe *probing // the one that runs
	tried bool     // there was one, or none shall be
}

func (k *capabilities) init(cfg Config) {
	if cfg.Capabilities != nil {
		given := *cfg.Capabilities
		k.known.Store(&given)
		k.tried = true
		return
	}
	k.memory = memory{cfg.Memory, cfg.Endpoint, cfg.Bucket}
}

// now returns what is known at present, nil if that is nothing.
func (k *capabilities) now() *backends.Capabilities {
	k.once.Do(func() {
		known, recent := k.memory.recall(time.Now())
		if known == nil {
			return
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		k.known.CompareAndSwap(nil, known)
		k.tried = k.tried || recent
	})
	return k.known.Load()
}

// stop waits for a probe in the background.
func (k *capabilities) stop() {
	k.mu.Lock()
	k.tried = true
	k.mu.Unlock()
	k.running.Wait()
}

// probes tells whether key is that of the probe.
func (k *capabilities) probes(key *string) bool {
	own := k.key.Load()
	return own != nil && key != nil && *own == *key
}

// heedsSource tells whether the version of a copy's source may be left to the server.
func (b *Backend) heedsSource() bool {
	known := b.caps.now()
	return known != nil && known.CopySource && !b.speaks().noSourceTags
}

// sourceTag is what a copy says of the version of its source; nil where that is of no use.
func (b *Backend) sourceTag(version string) *string {
	if known := b.caps.now(); b.speaks().noSourceTags || known != nil && !known.CopySource {
		return nil
	}
	return etag(version)
}

// noCopyPart tells whether the server is known to copy no parts.
func (b *Backend) noCopyPart() bool {
	known := b.caps.now()
	return b.speaks().wholeCopies || known != nil && !known.CopyPart
}

// guard looks whether c holds of key, unless the server is known to see to that itself.
// It tells whether the condition should be sent.
func (b *Backend) guard(ctx context.Context, key string, c backends.Cond, heeds func(*backends.Capabilities) (absent, version bool)) (send bool, err error) {
	if c == (backends.Cond{}) {
		return false, nil
	}
	known := b.caps.now()
	if known != nil {
		absent, version := heeds(known)
		send = c.Absent && absent || c.Version != "" && version
		if send && (c.Version == "" || etag(c.Version) != nil) {
			return true, nil
		}
	}
	return known == nil && !b.speaks().noConditions || send, b.holds(ctx, key, c)
}

// learnAfter has the server probed in the background after the first write that its
// answer would have made cheaper, and that showed the right to write.
func (b *Backend) learnAfter(conditional bool) {
	if !conditional {
		return
	}
	b.caps.mu.Lock()
	defer b.caps.mu.Unlock()
	if b.caps.tried {
		return
	}
	b.caps.begin(b)
}

// Capabilities probes the server, unless that was done. Others wait for the same probe,
// which goes on and tidies up when nobody waits for it any more.
func (b *Backend) Capabilities(ctx context.Context) (backends.Capabilities, error) {
	b.caps.now()
	b.caps.mu.Lock()
	known := b.caps.known.Load()
	if known == nil {
		b.caps.begin(b)
	}
	p := b.caps.probe
	b.caps.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	select {
	case <-p.done:
		return p.found, p.err
	case <-ctx.Done():
		return backends.Capabilities{}, pathError("probe", "", ctx.Err())
	}
}

// begin starts a probe unless one runs. It needs k.mu.
func (k *capabilities) begin(b *Backend) {
	k.tried = true
	if k.probe != nil {
		return
	}
	p := newProbe(b)
	k.probe = p
	k.key.Store(&p.key)
	k.running.Go(func() {
		// Requests that were cut off could still be served after the probe has tidied up, so
		// it is not: each of them has its own deadline.
		p.run(context.Background())
		if p.err == nil {
			k.memory.keep(p.found, time.Now())
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.probe = nil; p.err == nil {
			k.known.Store(&p.found)
		}
		close(p.done)
	})
}

// holds tells whether a condition holds now of what is under a key, if only a marker.
func (b *Backend) holds(ctx context.Context, key string, c backends.Cond) error {
	_, out, err := b.look(ctx, key, c.Version)
	if out != nil && errors.Is(err, iofs.ErrNotExist) {
		err = nil
	}
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
