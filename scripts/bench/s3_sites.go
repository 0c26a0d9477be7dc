//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// roundTrip is how far away the servers seem to be.
const roundTrip = 30 * time.Millisecond

// The buckets. Two are on versitygw and read-only, three on gofakes3, which lists
// fast; the others are on versitygw again and emptied before each use.
const (
	largeBucket  = "large"  // one large file
	randomBucket = "random" // the same file, with its bytes counted
	manyBucket   = "many"   // many small files in one folder, with requests counted
	queueBucket  = "queue"  // fewer of them, with nothing between that costs time
	treeBucket   = "tree"   // small files in many folders, with requests counted
	writeBucket  = "write"  // for new files
	changeBucket = "change" // for changes of files, with requests and bytes counted
)

// site is a bucket at a distance: mount, meter, link, faults, server.
type site struct {
	bucket string
	url    string // where a mount finds it
	server *testserver.Server
	faults *netproxy.Faults // counts requests; nil where that would cost throughput
	meter  *meter           // counts bytes; nil for the same reason
	link   *netproxy.Link
}

func (s *site) close() {
	if s.meter != nil {
		s.meter.close()
	}
	if s.link != nil {
		_ = s.link.Close()
	}
	if s.faults != nil {
		_ = s.faults.Close()
	}
}

// forget sets all counts back to nothing.
func (s *site) forget() {
	if s.faults != nil {
		s.faults.Forget()
	}
	if s.meter != nil {
		s.meter.forget()
	}
}

// path is where versitygw keeps an object, as an ordinary file.
func (s *site) path(key string) string { return filepath.Join(s.server.Dir, s.bucket, key) }

// empty removes all objects behind the back of versitygw, and waits until the disk
// rests.
func (s *site) empty() error {
	entries, err := os.ReadDir(s.path(""))
	for _, e := range entries {
		if err == nil {
			err = os.RemoveAll(s.path(e.Name()))
		}
	}
	settleDisk()
	return err
}

// distance is all servers and sites of a run, made when they are first asked for.
type distance struct {
	*bench
	servers map[string]*testserver.Server
	sites   map[string]*site
}

func newDistance(b *bench) *distance {
	return &distance{bench: b, servers: map[string]*testserver.Server{}, sites: map[string]*site{}}
}

func (d *distance) close() {
	for _, s := range d.sites {
		s.close()
	}
	for _, s := range d.servers {
		_ = s.Stop()
	}
}

func (d *distance) server(ctx context.Context, name string) (*testserver.Server, error) {
	if s := d.servers[name]; s != nil {
		return s, nil
	}
	dir, err := d.work.data("servers")
	if err != nil {
		return nil, err
	}
	start := testserver.StartGofakes3
	if name == "versitygw" {
		start = func(ctx context.Context) (*testserver.Server, error) { return testserver.StartVersitygw(ctx, dir) }
	}
	s, err := start(ctx)
	if err == nil {
		d.servers[name] = s
	}
	return s, err
}

// site makes a site and what lies there, and a volume of sd on it.
func (d *distance) site(ctx context.Context, bucket string) (*site, error) {
	if s := d.sites[bucket]; s != nil {
		return s, nil
	}
	kind := "versitygw"
	if bucket == manyBucket || bucket == queueBucket || bucket == treeBucket {
		kind = "gofakes3"
	}
	server, err := d.server(ctx, kind)
	if err != nil {
		return nil, err
	}
	s := &site{bucket: bucket, server: server}
	d.sites[bucket] = s
	if err := server.MakeBucket(ctx, bucket); err != nil {
		return nil, err
	}
	if err := d.fill(ctx, s); err != nil {
		return nil, err
	}
	target := strings.TrimPrefix(server.URL, "http://")
	if bucket == manyBucket || bucket == treeBucket || bucket == changeBucket {
		if s.faults, err = netproxy.NewFaults(server.URL); err != nil {
			return nil, err
		}
		target = s.faults.Addr()
	}
	if s.link, err = netproxy.NewLink(target, netproxy.Config{RTT: roundTrip}); err != nil {
		return nil, err
	}
	s.url = s.link.URL()
	if bucket == randomBucket || bucket == changeBucket {
		if s.meter, err = newMeter(s.link.Addr()); err != nil {
			return nil, err
		}
		s.url = s.meter.url()
	}
	return s, d.sd.addBucket(ctx, bucket, s.url)
}

// fill puts there what is to be read.
func (d *distance) fill(ctx context.Context, s *site) error {
	content := make([]byte, smallObject)
	switch s.bucket {
	case largeBucket:
		progress("filling %s with a file of %d MiB", s.bucket, d.size>>20)
		return s.server.Put(ctx, s.bucket, largeName, newBlocks(d.size), d.size, nil)
	case randomBucket:
		large, err := d.site(ctx, largeBucket)
		if err != nil {
			return err
		}
		return os.Link(large.path(largeName), s.path(largeName)) // with its attributes
	case manyBucket, queueBucket:
		n := d.objects()
		if s.bucket == queueBucket {
			n = d.queued()
		}
		progress("filling %s with %d objects", s.bucket, n)
		return s.server.Fill(ctx, s.bucket, n, func(i int) (string, []byte) { return objectName(i), content })
	case treeBucket:
		t := d.tree()
		progress("filling %s with %d objects in %d folders", s.bucket, t.folders*t.files, t.folders)
		return s.server.Fill(ctx, s.bucket, t.folders*t.files, func(i int) (string, []byte) {
			return fmt.Sprintf("folder-%03d/%s", i/t.files, objectName(i%t.files)), content[:16]
		})
	}
	return nil
}

const (
	largeName   = "large"
	smallObject = 16 << 10 // bytes of each small file
)

func objectName(i int) string { return fmt.Sprintf("object-%05d", i) }

// pick is less work in quick runs.
func pick[T any](b *bench, full, quick T) T {
	if b.quick {
		return quick
	}
	return full
}

func (b *bench) objects() int { return pick(b, 10_000, 2000) } // in manyBucket
func (b *bench) read() int    { return pick(b, 600, 200) }     // of these by one reader
func (b *bench) queued() int  { return pick(b, 2000, 500) }    // in queueBucket

// tree is what lies in treeBucket.
type tree struct{ folders, files int }

func (b *bench) tree() tree { return tree{pick(b, 400, 80), 50} }

// entries is how many a walk finds below the root.
func (t tree) entries() int { return t.folders * (t.files + 1) }
