package rclone

import (
	"context"
	"sync"
	"time"

	"sd/backends/internal/rest"

	"github.com/rclone/rclone/fs"
)

// clock chooses times of files where nothing but size and time tells their bytes apart.
type clock struct {
	delays delays

	mu    sync.Mutex
	used  map[moment]time.Time // when it was used
	ended map[moment]time.Time // when bytes of that size were last written, for services that tell times and take none
}

// moment is what a version of a file is known by: the place of a name, or "" for all, its size
// and its second.
type moment struct {
	key    string
	size   int64
	second int64
}

// drift is how far in the future a file may be, so that it looks like no other.
const drift = 30 * time.Second

// timeFor chooses the time of new bytes: the one asked for, unless they would then look like
// those that they replace; or else now, or a little later so that they look like no bytes that
// were written a moment ago. Where the service has a clock of its own, that is waited for.
func (k *clock) timeFor(ctx context.Context, key string, old *child, size int64, want time.Time) (time.Time, error) {
	asked := !want.IsZero()
	if !asked {
		want = time.Now()
	}
	if old != nil && len(hashesOf(ctx, old.file)) > 0 || size == 0 {
		return want, nil
	}
	if at, ok := k.end(key, size); ok {
		if wait := time.Until(at.Add(time.Second)); wait > 0 && !rest.Pause(ctx, wait) {
			return want, ctx.Err()
		}
		return want, nil
	}
	if old != nil && old.file.Fs().Precision() == fs.ModTimeNotSupported {
		return want, nil
	}
	step := time.Second
	if old != nil {
		step = max(old.file.Fs().Precision(), time.Millisecond)
		at := old.file.ModTime(ctx)
		switch {
		case asked && old.file.Size() == size:
			if next := k.delays.next(key, want.Truncate(step), at.Truncate(step), step); !next.Equal(want.Truncate(step)) {
				return next, nil
			}
		case !asked && !want.After(at.Add(step)) && at.Sub(want) < drift:
			want = at.Add(step)
		}
	}
	if asked {
		return want, nil
	}
	for late := want.Add(drift); !k.take(moment{"", size, want.Unix()}) && want.Before(late); {
		want = want.Add(time.Second)
	}
	return want, nil
}

// wrote notes that bytes of a size are there now, in a service that gives them a time by its own
// clock and has nothing else to tell them by: others of the same size must wait for a second.
func (k *clock) wrote(key string, size int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.ended) > 10_000 {
		for old, at := range k.ended {
			if time.Since(at) > 2*time.Second {
				delete(k.ended, old)
			}
		}
	}
	if k.ended == nil {
		k.ended = map[moment]time.Time{}
	}
	k.ended[moment{key: key, size: size}] = time.Now()
}

func (k *clock) end(key string, size int64) (time.Time, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, ok := k.ended[moment{key: key, size: size}]
	return at, ok
}

// take notes that m is used, and tells whether it was not before.
func (k *clock) take(m moment) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.used[m]; ok {
		return false
	}
	if len(k.used) > 10_000 {
		for old, at := range k.used {
			if time.Since(at) > 2*drift {
				delete(k.used, old)
			}
		}
	}
	if k.used == nil || len(k.used) > 100_000 {
		k.used = map[moment]time.Time{}
	}
	k.used[m] = time.Now()
	return true
}
