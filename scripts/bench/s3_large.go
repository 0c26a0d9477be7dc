//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// readLarge reads one large file from its begin to its end, cold and again.
func (d *distance) readLarge(goals, more *grid) workload {
	size := d.size
	rate := goals.measure(fmt.Sprintf("cold sequential read of %d MiB, MiB/s", size>>20), "≥ 600 or ≥ 0.75 × no mount", func(of func(string) float64) bool {
		return of("sd") >= 600 || of("sd") >= 0.75*of(noMount)
	})
	first := goals.measure("first MiB of it, ms", "≤ 75", atMost(75))
	warm := goals.measure("warm re-read, new open, MiB/s", "≥ 4,096", atLeast(4096))
	memory := goals.measure("peak memory of the mount in the cold read, MiB", "≤ 256", atMost(256))
	gets := more.measure("GETs of the warm re-read", "0", atMost(0))
	cpu := more.measure("CPU time of the mount in the cold read, s", "", nil)

	return workload{
		name: "read", bucket: largeBucket, also: []string{noMount}, rows: []*row{rate, first, warm, memory, gets, cpu},
		measure: func(ctx context.Context, s *site, c contender, m *mounted) error {
			if c.name == noMount {
				took, err := d.getAll(ctx, s.url)
				if err == nil {
					rate.add(c.name, mibPerSecond(size, took))
				}
				return err
			}
			name, used := filepath.Join(m.dir, largeName), cpuTime(m.pid)
			var begin time.Duration // from the start to the first block
			start := time.Now()
			cold, err := within(ctx, m, d.limit(), func(ctx context.Context, done *atomic.Int64) error {
				return eachBlock(ctx, name, size, func(i uint64) {
					if i == 0 {
						begin = time.Since(start)
					}
					done.Add(1)
				})
			})
			if err != nil || m.dead || cold.n == 0 {
				return orTooSlow(err)
			}
			first.add(c.name, milliseconds(begin))
			rate.add(c.name, cold.rate())
			cpu.add(c.name, (cpuTime(m.pid) - used).Seconds())
			memory.add(c.name, peakMemory(m.pid))
			if cold.cut {
				rate.mark(c.name)
				memory.mark(c.name)
			}
			again, n, err := d.rereadObject(ctx, c, m, name, cold.n*blockSize)
			if err != nil {
				return err
			}
			warm.add(c.name, again.rate())
			if again.cut {
				warm.mark(c.name)
			}
			if c.name == "sd" {
				gets.add(c.name, float64(n))
			}
			return nil
		},
	}
}

// orTooSlow is an error for work of which nothing was done in time.
func orTooSlow(err error) error {
	if err == nil {
		err = fmt.Errorf("nothing was done in time")
	}
	return err
}

// rereadObject reads again what was read, and gives the best of some tries with the
// number of GETs that it took; only sd's are counted.
func (d *distance) rereadObject(ctx context.Context, c contender, m *mounted, name string, size int64) (best outcome, gets int64, err error) {
	count := func() (int64, error) {
		if c.name != "sd" {
			return 0, nil
		}
		requests, err := d.sd.volumeRequests(ctx, largeBucket)
		return requests["GET"], err
	}
	for i := range tries {
		before, err := count()
		if err != nil {
			return best, 0, err
		}
		o, err := within(ctx, m, d.limit(), func(ctx context.Context, done *atomic.Int64) error {
			return eachBlock(ctx, name, size, func(uint64) { done.Add(1) })
		})
		if err != nil || m.dead {
			return best, 0, orTooSlow(err)
		}
		after, err := count()
		if err != nil {
			return best, 0, err
		}
		if i == 0 || o.rate() > best.rate() {
			best, gets = o, after-before
		}
		if o.cut {
			break
		}
	}
	return best, gets, nil
}

// randomReads4K is how many places of a large file are read.
const randomReads4K = 50

// readRandom reads single pages of a large file.
func (d *distance) readRandom(goals *grid) workload {
	each := goals.measure(fmt.Sprintf("random 4 KiB reads, mean of the first %d, ms", randomReads4K), "≤ 36", atMost(36))
	fetched := goals.measure("KiB fetched for each of them", "≤ 128", atMost(128))
	places := rand.New(rand.NewPCG(3, 4))
	offsets := make([]int64, randomReads4K)
	for i := range offsets {
		offsets[i] = places.Int64N(d.size/4096) * 4096
	}
	return workload{
		name: "random", bucket: randomBucket, rows: []*row{each, fetched},
		measure: func(ctx context.Context, s *site, c contender, m *mounted) error {
			if err := rest(ctx, s); err != nil {
				return err
			}
			f, err := os.Open(filepath.Join(m.dir, largeName))
			if err != nil {
				return err
			}
			defer f.Close()
			o, err := within(ctx, m, d.limit(), func(ctx context.Context, done *atomic.Int64) error {
				buf := make([]byte, 4096)
				for _, off := range offsets {
					if ctx.Err() != nil {
						return context.Cause(ctx)
					}
					if _, err := io.ReadFull(io.NewSectionReader(f, off, 4096), buf); err != nil {
						return err
					}
					done.Add(1)
				}
				return nil
			})
			if err != nil || o.n == 0 {
				return orTooSlow(err)
			}
			// What was asked for ahead of a reader comes later.
			if err := sleep(ctx, 10*roundTrip); err != nil {
				return err
			}
			each.add(c.name, milliseconds(o.took)/float64(o.n))
			fetched.add(c.name, float64(s.meter.down.Load())/1024/float64(o.n))
			return nil
		},
	}
}
