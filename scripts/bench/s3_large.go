//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"sd/internal/netproxy"
)

// noMount is the column of the reader that reads the bucket without a mount.
const noMount = "no mount"

// largeFile measures one large file.
func (b *bench) largeFile(ctx context.Context, d *distant) (*grid, error) {
	g := &grid{
		title: fmt.Sprintf("S3 at %v round trip: a large file", roundTrip),
		about: fmt.Sprintf("versitygw, reached through a delay proxy (%d MiB under way per connection), has a file of %d MiB in its page cache. "+
			"Server, proxy, mount and reader share the machine. Everybody begins with a fresh mount and no cache; "+
			"the first MiB of that takes three dependent round trips (connect, look up, get). "+
			"%q is what sd's S3 driver gets by %d ranged GETs at a time: about what the proxy and the server can do.",
			netproxy.DefaultWindow>>20, b.size>>20, noMount, parallelGets),
		columns: []string{noMount, "rclone", "s3fs", "sd"},
	}
	trips := func(n float64) float64 { return n * milliseconds(roundTrip) }
	rate := g.measure("sequential cold read, MiB/s", "≥ 420 or ≥ best peer", fastEnough)
	first := g.measure("first MiB of a fresh mount, ms", "3 round trips + work (< 120)", atMost(trips(4)))
	known := g.measure("first MiB of a file that was listed, ms", "≤ 3 round trips (90)", atMost(trips(3)))
	warm := g.measure("re-read from the page cache, MiB/s", "", nil)
	gets := g.measure("GETs of the re-read", "0", atMost(0))
	memory := g.measure("peak memory of the mount, MiB", "", nil)
	cpu := g.measure("CPU time of the mount in the cold read, s", "", nil)

	all := append(b.s3Contenders(largeBucket, d.link.URL()), bare(noMount, ""))
	err := eachRound(ctx, b.rounds, all, []*grid{g}, func(c contender, m *mounted) error {
		if c.name == noMount {
			took, err := b.getAll(ctx, d.link.URL())
			if err == nil {
				rate.add(c.name, mibPerSecond(b.size, took))
			}
			return err
		}
		name, used := filepath.Join(m.dir, "large"), cpuTime(m.pid)
		begin, took, err := readBlocks(ctx, name, b.size)
		if err != nil {
			return err
		}
		first.add(c.name, milliseconds(begin))
		rate.add(c.name, mibPerSecond(b.size, took))
		cpu.add(c.name, (cpuTime(m.pid) - used).Seconds())
		memory.add(c.name, peakMemory(m.pid))

		took, n, err := b.rereadObject(ctx, c, name)
		if err != nil {
			return err
		}
		warm.add(c.name, mibPerSecond(b.size, took))
		if c.name == "sd" {
			gets.add(c.name, float64(n))
		}

		if _, _, err := listLong(m.dir); err != nil {
			return err
		}
		if begin, _, err = readBlocks(ctx, filepath.Join(m.dir, "other"), blockSize); err != nil {
			return err
		}
		known.add(c.name, milliseconds(begin))
		return nil
	})
	return g, err
}

// fastEnough is the goal of the cold read.
func fastEnough(of func(string) float64) bool {
	best := 0.0
	for _, peer := range []string{"rclone", "s3fs"} {
		if v := of(peer); !math.IsNaN(v) {
			best = max(best, v)
		}
	}
	return of("sd") >= 420 || best > 0 && of("sd") >= best
}

// rereadObject is reread, with the number of GETs that the best try took.
// Only sd's are counted.
func (b *bench) rereadObject(ctx context.Context, c contender, name string) (best time.Duration, gets int64, err error) {
	if c.name != "sd" {
		best, err = reread(ctx, name, b.size)
		return best, 0, err
	}
	for i := range tries {
		before, err := b.sd.volumeRequests(ctx, largeBucket)
		if err != nil {
			return 0, 0, err
		}
		_, took, err := readBlocks(ctx, name, b.size)
		if err != nil {
			return 0, 0, err
		}
		after, err := b.sd.volumeRequests(ctx, largeBucket)
		if err != nil {
			return 0, 0, err
		}
		if i == 0 || took < best {
			best, gets = took, after["GET"]-before["GET"]
		}
	}
	return best, gets, nil
}
