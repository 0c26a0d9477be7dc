//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// listLarge lists a large folder and stats all in it.
func (d *distance) listLarge(goals *grid) workload {
	n, pages := d.objects(), float64((d.objects()+999)/1000)
	took := goals.measure(fmt.Sprintf("ls -l of %s objects, cold, s", figure(float64(n))), "≤ 0.6", atMost(0.6))
	lists := goals.measure("LIST requests of it", figure(pages), func(of func(string) float64) bool { return of("sd") == pages })
	heads := goals.measure("HEAD requests of it", "0", atMost(0))
	return workload{
		name: "list", bucket: manyBucket, rows: []*row{took, lists, heads},
		measure: func(ctx context.Context, s *site, c contender, m *mounted) error {
			if err := rest(ctx, s); err != nil {
				return err
			}
			o, err := within(ctx, m, d.limit(), func(ctx context.Context, done *atomic.Int64) error {
				names, err := listLong(ctx, m.dir)
				if err == nil && len(names) != n {
					err = fmt.Errorf("%d entries are listed, want %d", len(names), n)
				}
				return err
			})
			if err != nil {
				return err
			}
			took.add(c.name, o.took.Seconds())
			lists.add(c.name, s.lists())
			heads.add(c.name, float64(s.faults.Count("HEAD")))
			if o.cut {
				for _, r := range []*row{took, lists, heads} {
					r.mark(c.name)
				}
			}
			return nil
		},
	}
}

// runLs runs ls(1) itself, which also asks for the security attributes of each file.
func (d *distance) runLs(more *grid) workload {
	took := more.measure(fmt.Sprintf("ls -l as a program, %s objects, cold, s", figure(float64(d.objects()))), "", nil)
	return workload{
		name: "ls", bucket: manyBucket, rows: []*row{took},
		measure: func(ctx context.Context, s *site, c contender, m *mounted) error {
			if err := rest(ctx, s); err != nil {
				return err
			}
			o, err := within(ctx, m, d.limit(), func(ctx context.Context, _ *atomic.Int64) error {
				return command(ctx, "ls", "-l", m.dir)
			})
			if err != nil {
				return err
			}
			if took.add(c.name, o.took.Seconds()); o.cut {
				took.mark(c.name)
			}
			return nil
		},
	}
}

// lists is how many pages of listings were asked for.
func (s *site) lists() float64 { return float64(s.faults.Count("LIST") + s.faults.Count("LISTV1")) }

// readSmall reads small files one after another, in the order of their listing.
func (d *distance) readSmall(goals *grid) workload {
	n := d.read()
	rate := goals.measure(fmt.Sprintf("%d files of 16 KiB in folder order, 1 reader, files/s", n), "≥ 290", atLeast(290))
	each := goals.measure("requests for each of them", "1", atMost(1))
	return workload{
		name: "readers", bucket: manyBucket, rows: []*row{rate, each},
		measure: func(ctx context.Context, s *site, c contender, m *mounted) error {
			names, err := d.listFirst(ctx, c, m)
			if err != nil {
				return err
			}
			if err := rest(ctx, s); err != nil {
				return err
			}
			o, err := d.readQueued(ctx, m, names[:n], 1)
			if err != nil {
				return err
			}
			rate.add(c.name, o.rate())
			each.add(c.name, float64(s.requestsFor(names[:o.n]))/float64(o.n))
			if o.cut {
				rate.mark(c.name)
			}
			return nil
		},
	}
}

// requestsFor counts what was asked for these objects.
func (s *site) requestsFor(names []string) (n int) {
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	for _, r := range s.faults.Requests() {
		if wanted[r.Key] {
			n++
		}
	}
	return n
}

// readersAtOnce is how many pull from one queue.
const readersAtOnce = 16

// readQueue reads small files by many readers that share a queue.
func (d *distance) readQueue(goals *grid) workload {
	n := d.queued()
	rate := goals.measure(fmt.Sprintf("%s files of 16 KiB, %d readers, files/s", figure(float64(n)), readersAtOnce), "≥ 900", atLeast(900))
	return workload{
		name: "queue", bucket: queueBucket, rows: []*row{rate},
		measure: func(ctx context.Context, s *site, c contender, m *mounted) error {
			names, err := d.listFirst(ctx, c, m)
			if err != nil {
				return err
			}
			o, err := d.readQueued(ctx, m, names, readersAtOnce)
			if err != nil {
				return err
			}
			rate.add(c.name, o.rate())
			if o.cut {
				rate.mark(c.name)
			}
			return nil
		},
	}
}

// readQueued reads the files by a number of readers, each taking the next.
func (d *distance) readQueued(ctx context.Context, m *mounted, names []string, readers int) (outcome, error) {
	o, err := within(ctx, m, d.limit(), func(ctx context.Context, done *atomic.Int64) error {
		var next atomic.Int64
		group, ctx := errgroup.WithContext(ctx)
		for range readers {
			group.Go(func() error {
				for {
					i := int(next.Add(1)) - 1
					if i >= len(names) || ctx.Err() != nil {
						return context.Cause(ctx)
					}
					content, err := os.ReadFile(filepath.Join(m.dir, names[i]))
					if err == nil && len(content) != smallObject {
						err = io.ErrUnexpectedEOF
					}
					if err != nil {
						return fmt.Errorf("read %s: %w", names[i], err)
					}
					done.Add(1)
				}
			})
		}
		return group.Wait()
	})
	if err == nil && o.n == 0 {
		err = orTooSlow(nil)
	}
	return o, err
}

// listPatience is how long the listing before the reading may take; it is not measured.
const listPatience = time.Minute

// listFirst gives the names of a folder in the order in which they are listed. For a
// peer that asks for each entry's attributes, the names alone.
func (d *distance) listFirst(ctx context.Context, c contender, m *mounted) (names []string, err error) {
	o, err := within(ctx, m, listPatience, func(ctx context.Context, _ *atomic.Int64) error {
		if c.name == "rclone" {
			names, err = listShort(m.dir)
		} else {
			names, err = listLong(ctx, m.dir)
		}
		return err
	})
	if err == nil && o.cut {
		err = fmt.Errorf("the listing took longer than %v", listPatience)
	}
	return names, err
}

func listShort(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// listLong lists a folder and stats all in it, as ls -l does.
func listLong(ctx context.Context, dir string) ([]string, error) {
	names, err := listShort(dir)
	for i, name := range names {
		if i%64 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return names, err
}

// find walks a tree of many folders.
func (d *distance) find(goals *grid) workload {
	t := d.tree()
	rate := goals.measure(fmt.Sprintf("find over %s objects in %d folders, cold, entries/s", figure(float64(t.folders*t.files)), t.folders), "≥ 20,000", atLeast(20_000))
	lists := goals.measure("LIST requests of this find", "", nil)
	return workload{
		name: "find", bucket: treeBucket, rows: []*row{rate, lists},
		measure: func(ctx context.Context, s *site, c contender, m *mounted) error {
			if err := rest(ctx, s); err != nil {
				return err
			}
			o, err := within(ctx, m, d.limit(), func(ctx context.Context, done *atomic.Int64) error {
				if err := walk(ctx, m.dir, done); err != nil {
					return err
				}
				if int(done.Load()) != t.entries() {
					return fmt.Errorf("%d entries are found, want %d", done.Load(), t.entries())
				}
				return nil
			})
			if err != nil {
				return err
			}
			rate.add(c.name, o.rate())
			lists.add(c.name, s.lists())
			if o.cut {
				rate.mark(c.name)
				lists.mark(c.name)
			}
			return nil
		},
	}
}

// walk reads a folder and all below by their types alone, as find(1) does.
func walk(ctx context.Context, dir string, done *atomic.Int64) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	done.Add(int64(len(entries)))
	for _, e := range entries {
		if e.IsDir() {
			if err := walk(ctx, filepath.Join(dir, e.Name()), done); err != nil {
				return err
			}
		}
	}
	return nil
}
