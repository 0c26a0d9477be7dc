package search

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/testtree"
	"sd/library/catalog"
)

// benchSizes are how many files the made-up trees have. SD_BENCH_FILES sets another.
func benchSizes(b *testing.B) []int {
	if s := os.Getenv("SD_BENCH_FILES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			b.Fatal(err)
		}
		return []int{n}
	}
	return []int{10_000, 100_000, 1_000_000}
}

var benchQueries = []struct {
	name string
	q    Query
}{
	{"exact", Query{Text: "img_4711.jpg"}},
	{"exact2", Query{Text: "holiday-garden-3pa.zip"}},
	{"rare", Query{Text: "paris-paris"}},
	{"common-jpg", Query{Text: "jpg"}},
	{"common-e", Query{Text: "e"}},
	{"common-test", Query{Text: "test"}},
	{"none", Query{Text: "xyzzyplugh"}},
	{"words", Query{Text: "budget rome"}},
	{"pathword", Query{Text: "documents"}},
	{"glob", Query{Text: "*.mp4"}},
	{"glob2", Query{Text: "img_?4*.jpg"}},
	{"path", Query{Text: "pictures*/*.jpg"}},
	{"slash", Query{Text: "s/img"}},
	{"kind", Query{Kinds: []catalog.Kind{catalog.KindVideo}}},
	{"size", Query{Text: "report", MinSize: 10 << 20}},
	{"recent", Query{After: time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)}},
	{"everything", Query{}},
}

func BenchmarkSearch(b *testing.B) {
	for _, size := range benchSizes(b) {
		p := packOf(b, madeUp{size})
		for _, tt := range benchQueries {
			tt.q.Limit = DefaultLimit
			b.Run(fmt.Sprintf("%d/%s", size, tt.name), func(b *testing.B) {
				var took []time.Duration
				matches := int64(0)
				used := processTime()
				for b.Loop() {
					began := time.Now()
					s := scanOf(b, p, tt.q)
					list, n, err := s.best(background, tt.q.Limit)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := s.hits(uriOf).inOrder(list); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(began))
					matches = n
				}
				b.ReportMetric((processTime()-used).Seconds()*1000/float64(len(took)), "cpu-ms/op")
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
				b.ReportMetric(float64(matches), "matches")
			})
		}
	}
}

// BenchmarkSearchCold is a search as a process of its own makes it: the pack is mapped, checked and
// searched once. Its pages are in the system's cache.
func BenchmarkSearchCold(b *testing.B) {
	for _, size := range benchSizes(b) {
		dir := b.TempDir()
		packed := packIn(b, dir, madeUp{size})
		for _, tt := range benchQueries[:4] {
			tt.q.Limit = DefaultLimit
			b.Run(fmt.Sprintf("%d/%s", size, tt.name), func(b *testing.B) {
				used := processTime()
				for b.Loop() {
					p, err := mapPack(dir, packed.header.id.String(), packed.header.library)
					if err != nil {
						b.Fatal(err)
					}
					if _, _, err := scanOf(b, p, tt.q).best(background, tt.q.Limit); err != nil {
						b.Fatal(err)
					}
					p.unpin()
				}
				b.ReportMetric((processTime()-used).Seconds()*1000/float64(b.N), "cpu-ms/op")
			})
		}
	}
}

func BenchmarkSearchAll(b *testing.B) {
	for _, size := range benchSizes(b) {
		p := packOf(b, madeUp{size})
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			for b.Loop() {
				s := scanOf(b, p, Query{})
				h := s.hits(uriOf)
				n := 0
				_, err := s.all(background, func(c candidate) error {
					n++
					_, err := h.hit(&c)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
		})
	}
}

func BenchmarkPackWrite(b *testing.B) {
	for _, size := range benchSizes(b) {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			for b.Loop() {
				p := packOf(b, madeUp{size})
				b.ReportMetric(float64(len(p.data))/float64(size), "bytes/file")
				b.ReportMetric(float64(p.header.table.length)/float64(size), "table-bytes/file")
			}
			b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
		})
	}
}

// processTime is what processors have spent on this process: unlike the time that has passed, it
// does not depend on what else they do.
func processTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPack makes packs from a catalog in a database, as the program does.
func BenchmarkPack(b *testing.B) {
	for _, size := range benchSizes(b) {
		w := newWorld(b)
		began := time.Now()
		if err := testtree.Fill(background, w.lib.Catalog(), w.here(), "home/ann", size, 1); err != nil {
			b.Fatal(err)
		}
		b.Logf("%d files were put into the catalog in %v", size, time.Since(began))
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			used := processTime()
			for b.Loop() {
				if err := Pack(background, w.lib, true); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((processTime()-used).Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}

// BenchmarkSearcher is a whole search of a catalog in a database, of which some files are fresh.
func BenchmarkSearcher(b *testing.B) {
	for _, size := range benchSizes(b) {
		w := newWorld(b)
		if err := testtree.Fill(background, w.lib.Catalog(), w.here(), "home/ann", size, 1); err != nil {
			b.Fatal(err)
		}
		if err := Pack(background, w.lib, true); err != nil {
			b.Fatal(err)
		}
		for _, fresh := range []int{0, 1000, 19_000} {
			if err := testtree.Fill(background, w.lib.Catalog(), w.here(), fmt.Sprint("home/bob", fresh), fresh, 2); err != nil {
				b.Fatal(err)
			}
			for _, kept := range []bool{true, false} {
				b.Run(fmt.Sprintf("%d/fresh=%d/kept=%v", size, fresh, kept), func(b *testing.B) {
					used := processTime()
					for b.Loop() {
						if !kept {
							w.searcher.Close()
						}
						n := 0
						_, err := w.searcher.Search(background, Query{Text: "img_4711.jpg", Limit: DefaultLimit}, func(Hit) error {
							n++
							return nil
						})
						if err != nil || n == 0 {
							b.Fatalf("%d hits, %v", n, err)
						}
					}
					b.ReportMetric((processTime()-used).Seconds()*1000/float64(b.N), "cpu-ms/op")
				})
			}
		}
	}
}
