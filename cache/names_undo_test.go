package cache

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sd/backends"
)

// While readers walk a tree, somebody changes the store and says so. Whatever is believed
// after any of it is what the store has.
func TestWalkNeverUndoesAChange(t *testing.T) {
	for range 6 {
		synctest.Test(t, func(t *testing.T) {
			seed := rand.Uint64()
			rng := rand.New(rand.NewPCG(seed, 0))
			f := newForest(t, NamesConfig{TTL: time.Hour, MaxBytes: 300_000}, 30*time.Millisecond, manyKeys(60, 60)...)
			defer f.names.Close()
			ctx := context.WithValue(t.Context(), free{}, true)
			changed := make(chan struct{})
			go func() {
				defer close(changed)
				for i := range 600 {
					dir, name := fmt.Sprintf("p/d%04d", rng.IntN(60)), fmt.Sprintf("f%03d", rng.IntN(80))
					key := DirKey{"fp", dir}
					switch rng.IntN(8) {
					case 0, 1, 2:
						e, err := f.store.Put(ctx, dir+"/"+name, strings.NewReader(""), 0, backends.Meta{}, backends.Cond{})
						if err != nil {
							t.Error(err)
						}
						e.Name = name
						f.names.Put(key, e)
					case 3, 4, 5:
						_ = f.store.Remove(ctx, dir+"/"+name, backends.Cond{}) // it may not be there
						f.names.Remove(key, name)
					case 6:
						f.names.Invalidate(key)
					case 7:
						if i%20 == 0 {
							f.names.InvalidateTree("fp", "p")
						}
					}
					if i%3 == 0 {
						time.Sleep(time.Duration(rng.IntN(4)) * time.Millisecond)
					}
				}
			}()
			for range 3 {
				for _, dir := range append([]string{"p"}, folderNames(60)...) {
					r := f.open(dir)
					for i := 0; ; i++ {
						_, at, err := r.At(t.Context(), i)
						if err != nil {
							break
						}
						i = at
					}
					r.Close()
				}
			}
			<-changed
			synctest.Wait()
			believed := 0
			for _, dir := range folderNames(60) {
				for i := range 80 {
					name := fmt.Sprintf("f%03d", i)
					want, err := f.store.Stat(ctx, dir+"/"+name)
					got, state := f.names.Lookup(DirKey{"fp", dir}, name)
					switch {
					case state == Unknown:
						continue
					case (state == Present) != (err == nil), state == Present && got.Version != want.Version:
						t.Errorf("seed %d, %s/%s: state %d, version %q; the store says %q, %v", seed, dir, name, state, got.Version, want.Version, err)
					}
					believed++
				}
			}
			if believed == 0 {
				t.Errorf("seed %d: nothing is known", seed)
			}
		})
	}
}

func folderNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("p/d%04d", i))
	}
	return names
}
