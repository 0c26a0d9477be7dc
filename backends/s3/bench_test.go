package s3

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/backends"
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

// BenchmarkUpload writes a file of 512 MiB in parts of 8 MiB to a server on this machine:
// as it is, and 30 ms away.
func BenchmarkUpload(b *testing.B) {
	const (
		size  = 512 << 20
		piece = 8 << 20
	)
	server := testserver.Versitygw(b, bucket)
	link, err := netproxy.NewLink(strings.TrimPrefix(server.URL, "http://"), netproxy.Config{RTT: 30 * time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	defer link.Close()
	name := filepath.Join(b.TempDir(), "file")
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{1}), size); err != nil {
		b.Fatal(err)
	}
	for _, far := range []bool{false, true} {
		for _, parallel := range []int{8, 16, 32} {
			b.Run(fmt.Sprintf("far=%v/parallel=%d", far, parallel), func(b *testing.B) {
				url := server.URL
				if far {
					url = link.URL()
				}
				store := open(b, url, func(c *Config) { c.Patience, c.Stall, c.Capabilities = 0, 0, &heedful })
				b.SetBytes(size)
				for b.Loop() {
					u, err := store.Upload(b.Context(), "big", "", backends.Meta{})
					if err != nil {
						b.Fatal(err)
					}
					parts := make([]backends.Part, size/piece)
					next := make(chan int, len(parts))
					for i := range parts {
						next <- i
					}
					close(next)
					var workers sync.WaitGroup
					for range parallel {
						workers.Go(func() {
							for i := range next {
								r := io.NewSectionReader(f, int64(i)*piece, piece)
								part, err := u.Part(b.Context(), i+1, r, piece)
								if err != nil {
									b.Error(err)
								}
								parts[i] = part
							}
						})
					}
					workers.Wait()
					if _, err := u.Commit(b.Context(), parts, backends.Cond{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkList lists 10,000 files of one folder, in ten pages.
func BenchmarkList(b *testing.B) {
	server := testserver.Gofakes3(b, bucket)
	if err := server.Fill(b.Context(), bucket, 10_000, func(i int) (string, []byte) {
		return fmt.Sprintf("folder/file-%05d.jpg", i), []byte("x")
	}); err != nil {
		b.Fatal(err)
	}
	link, err := netproxy.NewLink(strings.TrimPrefix(server.URL, "http://"), netproxy.Config{RTT: 30 * time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	defer link.Close()
	for _, url := range []string{server.URL, link.URL()} {
		b.Run(fmt.Sprintf("far=%v", url != server.URL), func(b *testing.B) {
			store := open(b, url, func(c *Config) { c.Patience, c.Stall = 0, 0 })
			for b.Loop() {
				n := 0
				if err := store.List(b.Context(), "folder", func(page []backends.Entry) error { n += len(page); return nil }); err != nil || n != 10_000 {
					b.Fatal(n, err)
				}
			}
		})
	}
}
