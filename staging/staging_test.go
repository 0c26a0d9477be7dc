package staging_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"testing"

	"sd/backends"
	"sd/backends/mem"
	"sd/staging"
)

func newStore(t *testing.T, cfg staging.Config) *staging.Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	s, err := staging.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func create(t *testing.T, s *staging.Store, b backends.Backend, name string) *staging.File {
	t.Helper()
	f, err := s.Create("vol", name, b, nil, backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// edit opens what b holds under name for writing.
func edit(t *testing.T, s *staging.Store, b backends.Backend, name string) *staging.File {
	t.Helper()
	e, err := b.Stat(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Create("vol", name, b, baseOf(b, e), backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func baseOf(b backends.Backend, e backends.Entry) *staging.Base {
	return &staging.Base{Entry: e, Read: func(ctx context.Context, p []byte, off int64) (int, error) {
		r, _, err := b.Get(ctx, e.Name, e.Version, off, int64(len(p)))
		if err != nil {
			return 0, err
		}
		defer r.Close()
		return io.ReadFull(r, p)
	}}
}

func write(t *testing.T, f *staging.File, off int64, p []byte) {
	t.Helper()
	if n, err := f.WriteAt(t.Context(), p, off); n != len(p) || err != nil {
		t.Fatalf("WriteAt = %d, %v; want %d", n, err, len(p))
	}
}

func mustSync(t *testing.T, f *staging.File) {
	t.Helper()
	if err := f.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func object(t *testing.T, b backends.Backend, name string) []byte {
	t.Helper()
	r, _, err := b.Get(t.Context(), name, "", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// random gives n bytes that are the same for the same seed.
func random(seed uint64, n int) []byte {
	p := make([]byte, n)
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	rand.NewChaCha8(key).Read(p)
	return p
}

func wantObject(t *testing.T, b backends.Backend, name string, want []byte) {
	t.Helper()
	if got := object(t, b, name); !bytes.Equal(got, want) {
		t.Fatalf("%s: got %d bytes, want %d, or others", name, len(got), len(want))
	}
}

func wantRequests(t *testing.T, before, after backends.Stats, want map[string]int64) {
	t.Helper()
	for op, n := range after.Requests {
		if got := n - before.Requests[op]; got != want[op] {
			t.Errorf("%s: got %d requests, want %d", op, got, want[op])
		}
	}
}

const mib = 1 << 20

func TestRequests(t *testing.T) {
	b := mem.New(mem.Config{})
	s := newStore(t, staging.Config{})
	sequential := func(t *testing.T, f *staging.File, off int64, data []byte) {
		for at := 0; at < len(data); at += mib {
			write(t, f, off+int64(at), data[at:min(at+mib, len(data))])
		}
	}
	for _, tt := range []struct {
		name   string
		old    int
		change func(*testing.T, *staging.File, []byte) []byte
		want   map[string]int64
	}{
		{"empty", -1, func(t *testing.T, f *staging.File, _ []byte) []byte { return nil }, map[string]int64{"PUT": 1}},
		{"small", -1, func(t *testing.T, f *staging.File, _ []byte) []byte {
			data := random(1, 16<<10)
			write(t, f, 0, data)
			return data
		}, map[string]int64{"PUT": 1}},
		{"one part", -1, func(t *testing.T, f *staging.File, _ []byte) []byte {
			data := random(2, 8*mib)
			sequential(t, f, 0, data)
			return data
		}, map[string]int64{"PUT": 1}},
		{"large", -1, func(t *testing.T, f *staging.File, _ []byte) []byte {
			data := random(3, 20*mib)
			sequential(t, f, 0, data)
			return data
		}, map[string]int64{"INITIATE": 1, "PART": 3, "COMPLETE": 1}},
		{"one byte", 40 * mib, func(t *testing.T, f *staging.File, data []byte) []byte {
			data[17*mib] ^= 1
			write(t, f, 17*mib, data[17*mib:17*mib+1])
			return data
		}, map[string]int64{"INITIATE": 1, "PART": 1, "PARTCOPY": 2, "COMPLETE": 1, "GET": 8}},
		{"append", 100 * mib, func(t *testing.T, f *staging.File, data []byte) []byte {
			tail := random(4, 1024)
			if off, n, err := f.Append(t.Context(), tail); off != 100*mib || n != 1024 || err != nil {
				t.Fatalf("Append = %d, %d, %v", off, n, err)
			}
			return append(data, tail...)
		}, map[string]int64{"INITIATE": 1, "PART": 1, "PARTCOPY": 1, "COMPLETE": 1}},
		{"chmod", 20 * mib, func(t *testing.T, f *staging.File, data []byte) []byte {
			f.SetMeta(func(m *backends.Meta) { m.Mode = 0o600 })
			return data
		}, map[string]int64{"COPY": 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f *staging.File
			var data []byte
			if tt.old >= 0 {
				data = random(9, tt.old)
				if _, err := b.Put(t.Context(), tt.name, bytes.NewReader(data), int64(len(data)), backends.Meta{}, backends.Cond{}); err != nil {
					t.Fatal(err)
				}
				f = edit(t, s, b, tt.name)
			} else {
				f = create(t, s, b, tt.name)
			}
			defer f.Close()
			before := b.Stats()
			want := tt.change(t, f, data)
			mustSync(t, f)
			mustSync(t, f)
			wantRequests(t, before, b.Stats(), tt.want)
			wantObject(t, b, tt.name, want)
			if f.Dirty() {
				t.Error("dirty after Sync")
			}
		})
	}
}
