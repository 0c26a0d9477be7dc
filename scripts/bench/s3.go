//go:build linux

package main

import (
	"context"
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
func (b *bench) s3(ctx context.Context) ([]*grid, error) {
	var grids []*grid
	for _, part := range []struct {
		bucket  string
		start   func(context.Context) (*distant, error)
		measure func(context.Context, *distant) (*grid, error)
	}{
		{largeBucket, b.largeServer, b.largeFile},
		{manyBucket, b.manyServer, b.manyFiles},
	} {
		g, err := func() (*grid, error) {
			d, err := part.start(ctx)
			if err != nil {
				return nil, err
			}
			defer d.close()
			if err := b.sd.addBucket(ctx, part.bucket, d.link.URL()); err != nil {
				return nil, err
			}
			return part.measure(ctx, d)
		}()
		if err != nil {
			return nil, err
		}
		grids = append(grids, g)
	}
	return grids, nil
}

// distant is a server behind a link, and for the small files a counter between them.
type distant struct {
	server *testserver.Server
	faults *netproxy.Faults // nil for the large files: counting costs throughput
	link   *netproxy.Link
}

func (d *distant) close() {
	if d.link != nil {
		_ = d.link.Close()
	}
	if d.faults != nil {
		_ = d.faults.Close()
	}
	_ = d.server.Stop()
}

// connect puts the link in front of an address.
func (d *distant) connect(addr string, err error) (*distant, error) {
	if err == nil {
		d.link, err = netproxy.NewLink(addr, netproxy.Config{RTT: roundTrip})
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// largeServer has two files of the size asked for.
func (b *bench) largeServer(ctx context.Context) (*distant, error) {
	dir, err := b.work.data("servers")
	if err != nil {
		return nil, err
	}
	progress("filling versitygw with two files of %d MiB", b.size>>20)
	server, err := testserver.StartVersitygw(ctx, dir)
	if err != nil {
		return nil, err
	}
	d := &distant{server: server}
	err = server.MakeBucket(ctx, largeBucket)
	for _, name := range []string{"large", "other"} {
		if err == nil {
			err = server.Put(ctx, largeBucket, name, newBlocks(b.size), b.size, nil)
		}
	}
	return d.connect(strings.TrimPrefix(server.URL, "http://"), err)
}

// manyServer has a flat bucket of small files.
func (b *bench) manyServer(ctx context.Context) (*distant, error) {
	progress("filling gofakes3 with %d objects", b.objects())
	server, err := testserver.StartGofakes3(ctx)
	if err != nil {
		return nil, err
	}
	d := &distant{server: server}
	content := make([]byte, smallObject)
	err = server.MakeBucket(ctx, manyBucket)
	if err == nil {
		err = server.Fill(ctx, manyBucket, b.objects(), func(i int) (string, []byte) { return objectName(i), content })
	}
	if err == nil {
		d.faults, err = netproxy.NewFaults(server.URL)
	}
	if err != nil {
		return d.connect("", err)
	}
	return d.connect(d.faults.Addr(), nil)
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

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
