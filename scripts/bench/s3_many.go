//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

const (
	smallObject = 16 << 10 // bytes of each object in manyBucket
	smallReads  = 64       // how many of them are read
)

// objects is how many there are in manyBucket.
func (b *bench) objects() int {
	if b.quick {
		return 2000
	}
	return 10_000
}

func objectName(i int) string { return fmt.Sprintf("object-%05d", i) }

// manyFiles measures a long listing and small files, and counts what it takes.
func (b *bench) manyFiles(ctx context.Context, d *distant) (*grid, error) {
	n, pages := b.objects(), float64((b.objects()+999)/1000)
	g := &grid{
		title: fmt.Sprintf("S3 at %v round trip: many small files", roundTrip),
		about: fmt.Sprintf("gofakes3 with %d objects of %d KiB in one folder, through a delay proxy and a proxy that counts requests. "+
			"Fresh mounts. One reader that waits a round trip for each file reads at most %.0f a second.",
			n, smallObject>>10, 1/roundTrip.Seconds()),
		columns: []string{"rclone", "s3fs", "sd"},
	}
	took := g.measure(fmt.Sprintf("ls -l of %s, s", figure(float64(n))), "", nil)
	lists := g.measure("LIST requests of it", figure(pages), func(of func(string) float64) bool { return of("sd") == pages })
	heads := g.measure("HEAD requests of it", "0", atMost(0))
	rate := g.measure("16 KiB files after it, 1 reader, files/s", "", nil)
	each := g.measure("requests for each file", "1", atMost(1))

	return g, eachRound(ctx, b.rounds, b.s3Contenders(manyBucket, d.link.URL()), []*grid{g}, func(c contender, m *mounted) error {
		d.faults.Forget()
		found, spent, err := listLong(m.dir)
		if err != nil {
			return err
		}
		if found != n {
			return fmt.Errorf("%d entries are listed, want %d", found, n)
		}
		took.add(c.name, spent.Seconds())
		lists.add(c.name, float64(d.faults.Count("LIST")+d.faults.Count("LISTV1")))
		heads.add(c.name, float64(d.faults.Count("HEAD")))

		d.faults.Forget()
		start := time.Now()
		for i := range smallReads {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			name := filepath.Join(m.dir, objectName(i*n/smallReads))
			content, err := os.ReadFile(name)
			if err == nil && len(content) != smallObject {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
		}
		rate.add(c.name, smallReads/time.Since(start).Seconds())
		each.add(c.name, float64(d.faults.Count(""))/smallReads)
		return nil
	})
}

// listLong lists a folder and stats all in it, as ls -l does.
func listLong(dir string) (n int, took time.Duration, err error) {
	start := time.Now()
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if _, err := e.Info(); err != nil {
			return 0, 0, err
		}
	}
	return len(entries), time.Since(start), err
}
