package s3

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// BenchmarkGet reads one object by parallel ranged GETs of 8 MiB, the way the cache
// does, from a server on this machine: as it is, and 30 ms away.
func BenchmarkGet(b *testing.B) {
	const (
		size  = 256 << 20
		piece = 8 << 20
	)
	server := testserver.Versitygw(b, bucket)
	r := rand.NewChaCha8([32]byte{1})
	if err := server.Put(b.Context(), bucket, "big", io.LimitReader(r, size), size, nil); err != nil {
		b.Fatal(err)
	}
	link, err := netproxy.NewLink(strings.TrimPrefix(server.URL, "http://"), netproxy.Config{RTT: 30 * time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	defer link.Close()
	for _, far := range []bool{false, true} {
		for _, parallel := range []int{1, 8, 16} {
			b.Run(fmt.Sprintf("far=%v/parallel=%d", far, parallel), func(b *testing.B) {
				url := server.URL
				if far {
					url = link.URL()
				}
				store := open(b, url, func(c *Config) { c.Patience, c.Stall = 0, 0 })
				e, err := store.Stat(b.Context(), "big")
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(size)
				for b.Loop() {
					offsets := make(chan int64, size/piece)
					for off := int64(0); off < size; off += piece {
						offsets <- off
					}
					close(offsets)
					var workers sync.WaitGroup
					for range parallel {
						workers.Go(func() {
							block := make([]byte, 1<<20)
							for off := range offsets {
								body, _, err := store.Get(b.Context(), "big", e.Version, off, piece)
								if err != nil {
									b.Error(err)
									return
								}
								for n := 0; n < piece; n += len(block) {
									if _, err := io.ReadFull(body, block); err != nil {
										b.Error(err)
									}
								}
								body.Close()
							}
						})
					}
					workers.Wait()
				}
			})
		}
	}
}
