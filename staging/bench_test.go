package staging_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/mem"
	"sd/staging"
)

// far is a store whose requests take a round trip of 30 ms.
func far() *mem.Store {
	return mem.New(mem.Config{Before: func(ctx context.Context, op, name string) error {
		select {
		case <-time.After(30 * time.Millisecond):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
}

func BenchmarkWriteAt(b *testing.B) {
	s, err := staging.Open(staging.Config{Dir: b.TempDir(), MaxBytes: 64 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	// Without parts, so that nothing but the write is measured.
	f, err := s.Create("vol", "f", struct{ backends.Backend }{far()}, nil, backends.Meta{})
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	p := random(1, mib)
	b.SetBytes(mib)
	b.ReportAllocs()
	i := int64(0)
	for b.Loop() {
		if _, err := f.WriteAt(b.Context(), p, i%1024*mib); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkSmallFiles writes 500 files of 16 KiB with write-back until they are durable.
func BenchmarkSmallFiles(b *testing.B) {
	store := far()
	s, err := staging.Open(staging.Config{Dir: b.TempDir(), WriteBack: true,
		Backend: func(context.Context, string) (backends.Backend, error) { return store, nil }})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	s.Start()
	p := random(1, 16<<10)
	var closing time.Duration
	const files = 500
	round := 0
	for b.Loop() {
		round++
		start := time.Now()
		for i := range files {
			f, err := s.Create("vol", fmt.Sprintf("%d/%d", round, i), store, nil, backends.Meta{})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := f.WriteAt(b.Context(), p, 0); err != nil {
				b.Fatal(err)
			}
			if err := f.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			f.Close()
		}
		closing += time.Since(start)
		if err := s.Drain(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(files*round)/b.Elapsed().Seconds(), "files/s")
	b.ReportMetric(closing.Seconds()*1000/float64(files*round), "ms/close")
}

// BenchmarkLarge writes 512 MiB in parts until the store has it.
func BenchmarkLarge(b *testing.B) {
	store := far()
	s, err := staging.Open(staging.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	p := random(1, mib)
	b.SetBytes(512 * mib)
	for b.Loop() {
		f, err := s.Create("vol", "f", store, nil, backends.Meta{})
		if err != nil {
			b.Fatal(err)
		}
		f.Replaces("", false)
		for i := range int64(512) {
			if _, err := f.WriteAt(b.Context(), p, i*mib); err != nil {
				b.Fatal(err)
			}
		}
		if err := f.Sync(b.Context()); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}
