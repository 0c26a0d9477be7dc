package trash_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"sd/actions/compare"
	"sd/actions/stores"
	"sd/actions/trash"
	"sd/backends"
	"sd/backends/mem"
	"sd/resolver"
	"sd/sdpath"
)

// bucket is a world with a volume, whose requests can be cut off.
type bucket struct {
	*world
	store *mem.Store
	vol   *stores.Volume
	calls int
	cut   int  // the call that fails; 0 is none
	after bool // when its work is done
}

var errCut = errors.New("cut off")

func newBucket(t testing.TB, versions bool) *bucket {
	t.Helper()
	b := &bucket{}
	b.store = mem.New(mem.Config{
		Versions: versions,
		Before: func(context.Context, string, string) error {
			if b.calls++; b.calls == b.cut && !b.after {
				return errCut
			}
			return nil
		},
		After: func(context.Context, string, string) error {
			if b.calls == b.cut && b.after {
				return errCut
			}
			return nil
		},
	})
	b.world = newWorld(t, b.store)
	ctx := context.Background()
	_, err := b.resolver.AddCloud(ctx, resolver.CloudVolume{Service: sdpath.S3, Identifier: "bucket"})
	b.must(err)
	st, _, err := b.set.Of(ctx, sdpath.Cloud{Service: sdpath.S3, Identifier: "bucket"})
	b.must(err)
	b.vol = st.(*stores.Volume)
	return b
}

func (b *bucket) write(key, text string) stores.Entry {
	b.Helper()
	meta := backends.Meta{ModTime: time.Unix(1_600_000_000, 0), Mode: 0o100640}
	_, err := b.store.Put(context.Background(), key, strings.NewReader(text), int64(len(text)), meta, backends.Cond{})
	b.must(err)
	e, err := b.vol.Stat(context.Background(), key)
	b.must(err)
	return e
}

// all is what the bucket holds: keys and texts.
func (b *bucket) all() (list []string) {
	b.Helper()
	ctx := context.Background()
	b.must(b.store.Walk(ctx, "", "", func(page []backends.Entry) error {
		for _, e := range page {
			if e.Kind == backends.Dir {
				continue
			}
			r, is, err := b.store.Get(ctx, e.Name, "", 0, -1)
			b.must(err)
			text, err := io.ReadAll(r)
			b.must(errors.Join(err, r.Close()))
			list = append(list, fmt.Sprintf("%s=%s,%o", e.Name, bytes.TrimSpace(text), is.Meta.Mode))
		}
		return nil
	}))
	return list
}

func (b *bucket) has(want ...string) {
	b.Helper()
	if got := fmt.Sprint(b.all()); got != fmt.Sprint(want) {
		b.Errorf("the bucket has %s, want %s", got, want)
	}
}

func TestVolume(t *testing.T) {
	for _, versions := range []bool{false, true} {
		t.Run(fmt.Sprint("versions=", versions), func(t *testing.T) {
			b := newBucket(t, versions)
			ctx := context.Background()
			e := b.write("a//b c", "one")
			where, err := trash.Put(ctx, b.vol, e, "lib-1-2")
			b.must(err)
			if versions {
				b.has()
			} else {
				b.has(".sd-trash/lib-1/a//b c=one,100640")
			}
			newer := b.write("a//b c", "two")
			_, err = trash.Restore(ctx, b.vol, where, "a//b c")
			b.is(err, fs.ErrExist)
			second, err := trash.Put(ctx, b.vol, newer, "lib-3-1")
			b.must(err)
			if versions { // the last one removed is the one that comes back
				_, err = trash.Restore(ctx, b.vol, where, "a//b c")
				b.is(err, backends.ErrChanged)
				where = second
			}
			is, err := trash.Restore(ctx, b.vol, where, "a//b c")
			b.must(err)
			if !versions {
				b.is(func() error { _, err := trash.Put(ctx, b.vol, newer, "lib-4-1"); return err }(), backends.ErrChanged)
			}
			if now, err := b.vol.Stat(ctx, "a//b c"); err != nil || now.Version != is.Version {
				t.Errorf("got %+v, want the version that is there", is)
			}
			_, err = trash.Put(ctx, b.vol, is, "lib-5-1")
			b.must(err)
			if !versions {
				b.has(".sd-trash/lib-3/a//b c=two,100640", ".sd-trash/lib-5/a//b c=one,100640")
				_, err = trash.Restore(ctx, b.vol, where, "a//b c")
				b.is(err, fs.ErrNotExist)
				_, err = trash.Restore(ctx, b.vol, second, "a//b c")
				b.must(err)
				b.has(".sd-trash/lib-5/a//b c=one,100640", "a//b c=two,100640")
			}
		})
	}
	if trash.Folder != compare.TrashDir {
		t.Errorf("walks leave out %q, want %q", compare.TrashDir, trash.Folder)
	}
}

// Wherever Put and Restore are cut off, before a request or after it, once more ends well.
func TestVolumeAgain(t *testing.T) {
	ctx := context.Background()
	for _, versions := range []bool{false, true} {
		for _, after := range []bool{false, true} {
			for cut := 1; cut <= 6; cut++ {
				name := fmt.Sprintf("versions=%v, call %d, done=%v", versions, cut, after)
				b := newBucket(t, versions)
				e := b.write("d/a", "one")
				b.calls, b.cut, b.after = 0, cut, after
				where, err := trash.Put(ctx, b.vol, e, "lib-1-1")
				b.cut = 0
				if err != nil {
					b.is(err, errCut)
					where, err = trash.Put(ctx, b.vol, e, "lib-1-1")
				}
				if err != nil {
					t.Fatalf("%s: put again: %v", name, err)
				}
				if _, err := b.vol.Stat(ctx, "d/a"); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s: got %v, want it gone", name, err)
				}
				b.calls, b.cut = 0, cut
				_, err = trash.Restore(ctx, b.vol, where, "d/a")
				b.cut = 0
				if errors.Is(err, errCut) {
					if _, err = trash.Restore(ctx, b.vol, where, "d/a"); errors.Is(err, fs.ErrNotExist) {
						_, err = b.vol.Stat(ctx, "d/a") // as the caller does
					}
				}
				if err != nil {
					t.Errorf("%s: restore again: %v", name, err)
				}
				b.has("d/a=one,100640")
			}
		}
	}
}

// What lies in the trash under a key is not taken for the copy of another file.
func TestVolumeTaken(t *testing.T) {
	ctx := context.Background()
	b := newBucket(t, false)
	b.write(".sd-trash/lib-1/a", "of an older library")
	e := b.write("a", "one")
	for cut := range 8 {
		for _, after := range []bool{false, true} {
			b.calls, b.cut, b.after = 0, cut+1, after
			where, err := trash.Put(ctx, b.vol, e, "lib-1-2")
			if b.cut = 0; err != nil {
				where, err = trash.Put(ctx, b.vol, e, "lib-1-2")
			}
			b.must(err)
			b.has(".sd-trash/lib-1/.sd-2/a=one,100640", ".sd-trash/lib-1/a=of an older library,100640")
			e, err = trash.Restore(ctx, b.vol, where, "a")
			b.must(err)
		}
	}
}

// A removal that was cut off and does not go on leaves nothing in the trash but what has gone.
func TestVolumeClean(t *testing.T) {
	ctx := context.Background()
	for cut := 1; cut <= 4; cut++ {
		for _, after := range []bool{false, true} {
			b := newBucket(t, false)
			e := b.write("a", "one")
			b.calls, b.cut, b.after = 0, cut, after
			_, _ = trash.Put(ctx, b.vol, e, "lib-1-1")
			b.cut = 0
			b.must(trash.Clean(ctx, b.vol, e, "lib-1-1"))
			if _, gone := b.vol.Stat(ctx, "a"); errors.Is(gone, fs.ErrNotExist) {
				b.has(".sd-trash/lib-1/a=one,100640")
			} else {
				b.has("a=one,100640")
			}
		}
	}
}
