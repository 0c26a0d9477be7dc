package cache

import (
	"context"
	"io"
	"runtime"
	"testing"
	"time"
)

// BenchmarkSequential reads 256 MiB that nobody read before in each round, through a
// fake store: at once, and over links of 30 ms. GCs and peak heap tell what the memory
// of blocks costs.
func BenchmarkSequential(b *testing.B) {
	for _, bb := range []struct {
		name string
		link *link
		disk bool
	}{
		{"memory", nil, false},
		{"disk", nil, true},
		{"30ms", &link{rtt: 30 * time.Millisecond, rate: 82 * mib, total: 4000 * mib}, false},
		{"30ms,disk", &link{rtt: 30 * time.Millisecond, rate: 82 * mib, total: 4000 * mib}, true},
		{"30ms,1Gbit", &link{rtt: 30 * time.Millisecond, rate: 82 * mib, total: 119 * mib}, false},
	} {
		b.Run(bb.name, func(b *testing.B) {
			const size = 256 * mib
			c := newCache(b, DefaultBytes)
			if bb.disk {
				c, _ = newDiskCache(b, b.TempDir(), 0)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			b.SetBytes(size)
			round := 0
			for b.Loop() {
				round++
				s := &store{t: b, name: string(rune('a' + round)), size: size}
				s.open = func(_ context.Context, off, n int64) (io.ReadCloser, error) { return s.body(off, n), nil }
				if bb.link != nil {
					s.open = bb.link.get(s)
				}
				r := c.Open(s.file())
				for off := int64(0); off < size; off += 128 * kib {
					if _, err := r.Read(b.Context(), off, 128*kib); err != nil {
						b.Fatal(err)
					}
				}
				r.Close()
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.NumGC-before.NumGC)/float64(round), "GCs/op")
			b.ReportMetric(float64(after.HeapSys-after.HeapReleased)/mib, "heap-MiB")
			b.ReportMetric(float64(after.PauseTotalNs-before.PauseTotalNs)/1e6/float64(round), "pause-ms/op")
		})
	}
}

// BenchmarkHit reads what is in memory: held by the handle's run, and kept by the tier.
func BenchmarkHit(b *testing.B) {
	for _, bb := range []struct {
		name  string
		where func(i int64) int64
	}{
		{"held", func(i int64) int64 { return i * 4096 % mib }},
		{"kept", func(i int64) int64 { return i * 4096 * 1021 % (64 * mib) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := &store{t: b, name: "f", size: 64 * mib}
			c := newCache(b, DefaultBytes)
			r := c.Open(s.file())
			for off := int64(0); off < s.size; off += 128 * kib {
				mustRead(b, r, s, off, 128*kib)
			}
			idle(c)
			b.ReportAllocs()
			i := int64(0)
			for b.Loop() {
				if _, err := r.Read(b.Context(), bb.where(i), 4096); err != nil {
					b.Fatal(err)
				}
				i++
			}
			if got := len(s.requests()); got > 70 {
				b.Errorf("%d requests", got)
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		s := &store{t: b, name: "f", size: mib}
		c := newCache(b, DefaultBytes)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			r := c.Open(s.file())
			defer r.Close()
			for i := int64(0); pb.Next(); i++ {
				if _, err := r.Read(b.Context(), i*4096%mib, 4096); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
