package staging_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/mem"
	"sd/staging"
)

// plain is a store that takes whole files and carries their times alone, to the second; it
// tells MD5s or not.
type plain struct {
	*mem.Drive
	sums bool
}

func (p plain) told(e backends.Entry, err error) (backends.Entry, error) {
	e.ModTime = e.ModTime.Truncate(time.Second)
	if p.sums && err == nil && e.Kind == backends.File {
		r, _, err := p.Drive.Store().Get(context.Background(), e.Name, e.Version, 0, -1)
		if err != nil {
			return e, err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return e, err
		}
		sum := md5.Sum(data)
		e.Sums = []backends.Sum{{Algorithm: "md5", Hex: hex.EncodeToString(sum[:])}}
	}
	return e, err
}

func (p plain) Stat(ctx context.Context, name string) (backends.Entry, error) {
	return p.told(p.Drive.Stat(ctx, name))
}

func (p plain) Put(ctx context.Context, name string, r io.ReadSeeker, size int64, m backends.Meta, c backends.Cond) (backends.Entry, error) {
	return p.told(p.Drive.Put(ctx, name, r, size, m, c))
}

// A write whose reply was lost, in this process or one that was killed, is known to have
// arrived: nothing is doubled, no copy of ours is put beside it.
func TestLostPutOfADrive(t *testing.T) {
	const size = 5 * smallPart
	for _, sums := range []bool{false, true} {
		for name, change := range map[string]func(t *testing.T, f *staging.File, data []byte) []byte{
			"whole": func(t *testing.T, f *staging.File, _ []byte) []byte {
				data := random(7, size)
				write(t, f, 0, data)
				return data
			},
			"in place": func(t *testing.T, f *staging.File, data []byte) []byte {
				copy(data[100:], "in the middle")
				write(t, f, 100, []byte("in the middle"))
				return data
			},
			"appended": func(t *testing.T, f *staging.File, data []byte) []byte {
				write(t, f, size, []byte("at the end"))
				return append(data, "at the end"...)
			},
			"cut": func(t *testing.T, f *staging.File, data []byte) []byte {
				if err := f.Truncate(t.Context(), 1000); err != nil {
					t.Fatal(err)
				}
				return data[:1000]
			},
		} {
			for _, killed := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/sums=%v/killed=%v", name, sums, killed), func(t *testing.T) {
					t.Parallel()
					var losing atomic.Bool
					b := plain{sums: sums, Drive: mem.NewDrive(mem.Config{After: func(_ context.Context, op, _ string) error {
						if op == "PUT" && losing.Load() {
							return backends.ErrOffline
						}
						return nil
					}})}
					old := random(1, size)
					put(t, b, "f", bytes.Clone(old))
					dir := t.TempDir()
					cfg := staging.Config{Dir: dir, WriteBack: true, PartSize: smallPart, Device: "dev", Backend: backendOf(b), RetryMin: time.Millisecond, RetryMax: time.Millisecond}
					s := newStore(t, cfg)
					f := edit(t, s, b, "f")
					want := change(t, f, old)
					if err := f.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
					losing.Store(true)
					if err := f.Sync(t.Context()); err == nil {
						t.Fatal("a reply that was lost was told")
					}
					wantObject(t, b, "f", want)
					if killed {
						if err := s.Close(); err != nil {
							t.Fatal(err)
						}
						s = newStore(t, cfg)
					}
					losing.Store(false)
					s.Start()
					if err := s.Drain(t.Context()); err != nil {
						t.Fatal(err)
					}
					wantObject(t, b, "f", want)
					if left := s.Pending(); len(left) != 0 {
						t.Errorf("left: %+v", left)
					}
					wantNoConflict(t, b)
				})
			}
		}
	}
}

func wantNoConflict(t *testing.T, b backends.Backend) {
	t.Helper()
	if err := b.List(t.Context(), "", func(page []backends.Entry) error {
		for _, e := range page {
			if strings.Contains(e.Name, "conflict") {
				t.Errorf("there is a %q", e.Name)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// Others' bytes of the same size and second are not taken for ours where the store tells
// sums, and where what was written can be compared.
func TestOthersOnADrive(t *testing.T) {
	for _, sums := range []bool{false, true} {
		t.Run(fmt.Sprint("sums=", sums), func(t *testing.T) {
			b := plain{sums: sums, Drive: mem.NewDrive(mem.Config{})}
			put(t, b, "f", random(1, 1000))
			s := newStore(t, staging.Config{Device: "dev", Backend: backendOf(b)})
			f := edit(t, s, b, "f")
			write(t, f, 10, []byte("ours"))
			theirs := random(2, 1000)
			put(t, b, "f", theirs)
			if err := f.Sync(t.Context()); err == nil {
				t.Error("a conflict was not told")
			}
			wantObject(t, b, "f", theirs)
		})
	}
}

// A change of what a file carries sends no byte, whether the store has a verb for it or
// carries nothing.
func TestMetaOfADrive(t *testing.T) {
	for _, carries := range []bool{true, false} {
		t.Run(fmt.Sprint("carries=", carries), func(t *testing.T) {
			d := mem.NewDrive(mem.Config{})
			var b backends.Backend = d
			if !carries {
				b = struct {
					backends.Backend
					backends.Putter
				}{d, d}
			}
			s := newStore(t, staging.Config{Device: "dev", Backend: backendOf(b)})
			f := create(t, s, b, "f")
			write(t, f, 0, []byte("content"))
			mustSync(t, f)
			puts := d.Stats().Requests["PUT"]
			at := time.Unix(1_000_000_000, 0)
			f.SetMeta(func(m *backends.Meta) { m.ModTime, m.Mode = at, 0o100600 })
			mustSync(t, f)
			if got := d.Stats().Requests["PUT"] - puts; got != 0 {
				t.Errorf("the bytes were sent %d times", got)
			}
			e, _ := f.Entry()
			if e.Meta == nil || e.Meta.Mode != 0o100600 || !e.Meta.ModTime.Equal(at) {
				t.Errorf("got %+v", e.Meta)
			}
			if now, err := b.Stat(t.Context(), "f"); err != nil || now.Version != e.Version || now.ModTime.Equal(at) != carries {
				t.Errorf("the store has %+v, %v", now, err)
			}
			wantObject(t, b, "f", []byte("content"))
		})
	}
}

// Metadata whose reply was lost is known to be set, also where the store tells no more than a
// coarse time; what another has written with that time is not taken for it.
func TestLostMetaOfADrive(t *testing.T) {
	for _, others := range []bool{false, true} {
		t.Run(fmt.Sprint("others=", others), func(t *testing.T) {
			var b plain
			var losing atomic.Bool
			at, theirs := time.Unix(1_000_000_000, 500_000_000), random(2, 1000)
			b = plain{sums: true, Drive: mem.NewDrive(mem.Config{After: func(ctx context.Context, op, _ string) error {
				if op != "SETMETA" || !losing.CompareAndSwap(true, false) {
					return nil
				}
				if others {
					if _, err := b.Put(ctx, "f", bytes.NewReader(theirs), 1000, backends.Meta{ModTime: at}, backends.Cond{}); err != nil {
						t.Error(err)
					}
				}
				return backends.ErrOffline
			}})}
			s := newStore(t, staging.Config{Device: "dev", Backend: backendOf(b), RetryMin: time.Millisecond, RetryMax: time.Millisecond})
			want := random(1, 1000)
			put(t, b, "f", bytes.Clone(want))
			f := edit(t, s, b, "f")
			f.SetMeta(func(m *backends.Meta) { m.ModTime = at })
			losing.Store(true)
			_ = f.Sync(t.Context()) // the reply is lost; it is tried again
			err := f.Sync(t.Context())
			if others {
				want = theirs
			}
			if (err != nil) != others {
				t.Errorf("got %v", err)
			}
			wantObject(t, b, "f", want)
			wantNoConflict(t, b)
			if e, err := b.Stat(t.Context(), "f"); err != nil || e.ModTime.Unix() != at.Unix() {
				t.Errorf("got %+v, %v", e, err)
			}
		})
	}
}
