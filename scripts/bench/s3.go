//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// roundTrip is how far away the servers seem to be.
const roundTrip = 30 * time.Millisecond

// The buckets, each on a server of its own.
const (
	largeBucket = "large" // on versitygw: two large files
	manyBucket  = "many"  // on gofakes3, which lists fast: many small ones
)

// s3 measures buckets at a distance, against the peers that also show them as files.
func (b *bench) s3(ctx context.Context) (grids []*grid, err error) {
	large, endLarge, err := b.largeServer(ctx)
	if err != nil {
		return nil, err
	}
	defer endLarge()
	if err := b.sd.addBucket(ctx, largeBucket, large.link.URL()); err != nil {
		return nil, err
	}
	reads, err := b.s3Reads(ctx, large)
	if err != nil {
		return nil, err
	}
	many, endMany, err := b.manyServer(ctx)
	if err != nil {
		return nil, err
	}
	defer endMany()
	if err := b.sd.addBucket(ctx, manyBucket, many.link.URL()); err != nil {
		return nil, err
	}
	lists, err := b.s3Lists(ctx, many)
	return []*grid{reads, lists}, err
}

// distant is a server behind a link, and for the small files a counter between them.
type distant struct {
	server *testserver.Server
	faults *netproxy.Faults // nil for the large files: counting costs throughput
	link   *netproxy.Link
}

// largeServer has a file of the size asked for, and one more.
func (b *bench) largeServer(ctx context.Context) (d distant, end func(), err error) {
	dir, err := b.work.data("servers")
	if err != nil {
		return d, nil, err
	}
	progress("filling versitygw with %d MiB", b.size>>20)
	if d.server, err = testserver.StartVersitygw(ctx, dir); err != nil {
		return d, nil, err
	}
	err = d.server.MakeBucket(ctx, largeBucket)
	for _, name := range []string{"large", "other"} {
		if err == nil {
			err = d.server.Put(ctx, largeBucket, name, newBlocks(b.size), b.size, nil)
		}
	}
	if err == nil {
		d.link, err = netproxy.NewLink(strings.TrimPrefix(d.server.URL, "http://"), netproxy.Config{RTT: roundTrip})
	}
	if err != nil {
		return d, nil, errors.Join(err, d.server.Stop())
	}
	return d, func() {
		_ = d.link.Close()
		_ = d.server.Stop()
	}, nil
}

// manyServer has a flat bucket of small files.
func (b *bench) manyServer(ctx context.Context) (d distant, end func(), err error) {
	progress("filling gofakes3 with %d objects", b.objects())
	if d.server, err = testserver.StartGofakes3(ctx); err != nil {
		return d, nil, err
	}
	content := make([]byte, smallObject)
	err = d.server.MakeBucket(ctx, manyBucket)
	if err == nil {
		err = d.server.Fill(ctx, manyBucket, b.objects(), func(i int) (string, []byte) { return objectName(i), content })
	}
	if err == nil {
		d.faults, err = netproxy.NewFaults(d.server.URL)
	}
	if err == nil {
		d.link, err = netproxy.NewLink(d.faults.Addr(), netproxy.Config{RTT: roundTrip})
	}
	if err != nil {
		return d, nil, errors.Join(err, d.server.Stop())
	}
	return d, func() {
		_ = d.link.Close()
		_ = d.faults.Close()
		_ = d.server.Stop()
	}, nil
}

// s3Contenders all show the same bucket.
func (b *bench) s3Contenders(bucket, endpoint string) []contender {
	return []contender{
		b.rclone(bucket, endpoint),
		b.s3fs(bucket, endpoint),
		{name: "sd", mount: func(ctx context.Context) (*mounted, error) {
			m, err := b.sd.mount(ctx)
			if err == nil {
				m.dir = filepath.Join(m.dir, "s3", bucket)
			}
			return m, err
		}},
	}
}

// s3Reads measures one large file.
func (b *bench) s3Reads(ctx context.Context, d distant) (*grid, error) {
	const parallel = "no mount"
	g := &grid{
		title: fmt.Sprintf("S3 at %v round trip: a large file", roundTrip),
		about: fmt.Sprintf("versitygw, reached through a delay proxy (%d MiB under way per connection), has a file of %d MiB in its page cache. "+
			"Server, proxy, mount and reader share the machine. Everybody begins with a fresh mount and no cache. "+
			"%q is what sd's S3 driver gets by %d ranged GETs at a time: about what the proxy and the server can do.",
			netproxy.DefaultWindow>>20, b.size>>20, parallel, parallelGets),
		columns: []string{parallel, "rclone", "s3fs", "sd"},
	}
	best := func(of func(string) float64) bool {
		peers := math.Max(zeroIfNone(of("rclone")), zeroIfNone(of("s3fs")))
		return of("sd") >= 420 || peers > 0 && of("sd") >= peers
	}
	trips := func(n float64) float64 { return n * float64(roundTrip/time.Millisecond) }
	rate := g.measure("sequential cold read, MiB/s", "≥ 420 or ≥ best peer", best)
	first := g.measure("first MiB of a fresh mount, ms", "", nil)
	known := g.measure("first MiB of a file that was listed, ms", "≤ 3 round trips (90)", atMost(trips(3)))
	warm := g.measure("re-read from the page cache, MiB/s", "", nil)
	again := g.measure("GETs of the re-read", "0", atMost(0))
	memory := g.measure("peak memory of the mount, MiB", "", nil)
	cpu := g.measure("CPU time of the mount in the cold read, s", "", nil)

	all := append(b.s3Contenders(largeBucket, d.link.URL()), bare(parallel, ""))
	err := eachRound(ctx, b.rounds, all, []*grid{g}, func(c contender, m *mounted) error {
		if c.name == parallel {
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

		gets := func() (int64, error) {
			if c.name != "sd" {
				return 0, nil
			}
			n, err := b.sd.volumeRequests(ctx, largeBucket)
			return n["GET"], err
		}
		before, err := gets()
		if err != nil {
			return err
		}
		if _, took, err = readBlocks(ctx, name, b.size); err != nil {
			return err
		}
		warm.add(c.name, mibPerSecond(b.size, took))
		after, err := gets()
		if err != nil {
			return err
		}
		if c.name == "sd" {
			again.add(c.name, float64(after-before))
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

func zeroIfNone(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
