package cache

import (
	"fmt"
	"testing"
	"time"

	"sd/backends"
)

// BenchmarkListing takes in, reads and looks up 10,000 entries as an S3 store tells
// them; figures are for one entry.
func BenchmarkListing(b *testing.B) {
	const n = 10_000
	pages := make([][]backends.Entry, n/1000)
	names := make([]string, n)
	for i := range n {
		etag := fmt.Sprintf("%032x", i)
		names[i] = fmt.Sprintf("IMG_%08d.jpeg", i)
		pages[i/1000] = append(pages[i/1000], backends.Entry{
			Name: names[i], Size: 1 << 20, ModTime: time.Unix(int64(i), 0),
			Version: etag, Sums: []backends.Sum{{Algorithm: "md5", Hex: etag}},
		})
	}
	m, _ := newNames(b, 0)
	take := func() {
		f := m.Begin(home)
		for _, page := range pages {
			f.Add(page)
		}
		f.Done(true)
	}
	each := func(name string, do func(i int)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i = (i + 1) % n {
				do(i)
			}
		})
	}
	each("Add", func(i int) {
		if i == 0 {
			take()
		}
	})
	take()
	r := m.Open(home, nil)
	defer r.Close()
	each("At", func(i int) {
		if _, at, err := r.At(b.Context(), i); err != nil || at != i {
			b.Fatal(at, err)
		}
	})
	each("Lookup", func(i int) {
		if _, state := m.Lookup(home, names[i]); state != Present {
			b.Fatal(state)
		}
	})
	each("Open", func(int) { m.Open(home, nil).Close() })
}
