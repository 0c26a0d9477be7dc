//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// sleep waits, unless ctx ends before.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// emptySite is the prepare of work that makes new objects.
func emptySite(_ context.Context, s *site) error { return s.empty() }

// whole tells whether the server has an object of that size.
func (s *site) whole(key string, size int64) bool {
	info, err := os.Stat(s.path(key))
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

// durable waits until the server has the first n of the objects.
func (s *site) durable(ctx context.Context, n int, size int64, key func(i int) string) error {
	for i := range n {
		for !s.whole(key(i), size) {
			if err := sleep(ctx, 2*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeLarge writes one large file from its begin to its end.
func (d *distance) writeLarge(goals, more *grid) workload {
	size := d.size / 2
	rate := goals.measure(fmt.Sprintf("write %d MiB until durable, MiB/s", size>>20), "≥ 375", atLeast(375))
	memory := more.measure(fmt.Sprintf("peak memory of the mount in writing %d MiB, MiB", size>>20), "≤ 256", atMost(256))
	cpu := more.measure("CPU time of the mount in that, s", "", nil)
	return workload{
		name: "write", bucket: writeBucket, also: []string{noMount}, rows: []*row{rate, memory, cpu}, prepare: emptySite,
		measure: func(ctx context.Context, s *site, c contender, m *mounted) error {
			if c.name == noMount {
				took, err := d.putAll(ctx, s.url, size)
				if err == nil {
					rate.add(c.name, mibPerSecond(size, took))
				}
				return err
			}
			if err := rest(ctx, s); err != nil {
				return err
			}
			used := cpuTime(m.pid)
			o, err := within(ctx, m, 3*d.limit(), func(ctx context.Context, done *atomic.Int64) error {
				if err := createBlocks(ctx, filepath.Join(m.dir, largeName), size); err != nil {
					return err
				}
				return s.durable(ctx, 1, size, func(int) string { return largeName })
			})
			if err != nil {
				return err
			}
			if o.cut {
				rate.text(c.name, fmt.Sprintf(">%.0f s", o.took.Seconds()))
				return nil
			}
			memory.add(c.name, peakMemory(m.pid))
			cpu.add(c.name, (cpuTime(m.pid) - used).Seconds())
			rate.add(c.name, mibPerSecond(size, o.took))
			return eachBlock(ctx, s.path(largeName), size, func(uint64) {})
		},
	}
}

// createBlocks makes a file of blocks as cp would: no fsync.
func createBlocks(ctx context.Context, name string, size int64) error {
	b := newBlocks(size)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for i := range uint64(size / blockSize) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		binary.LittleEndian.PutUint64(b.block, i)
		if _, err := f.Write(b.block); err != nil {
			return err
		}
	}
	return f.Close()
}

// writeSmall writes many small files one after another.
func (d *distance) writeSmall(goals, more *grid) workload {
	n := pick(d.bench, 500, 100)
	what := fmt.Sprintf("%d files of 16 KiB", n)
	goal := goals.measure(what+" until durable, sd with --write-back, files/s", "≥ 900", atLeast(900))
	closed := more.measure(what+" until the last close, files/s", "", nil)
	durable := more.measure(what+" until durable, files/s", "", nil)
	return workload{
		name: "small", bucket: writeBucket, also: []string{sdWriteBack}, rows: []*row{goal, closed, durable}, prepare: emptySite,
		measure: func(ctx context.Context, s *site, c contender, m *mounted) error {
			if err := rest(ctx, s); err != nil {
				return err
			}
			var last time.Duration
			start := time.Now()
			o, err := within(ctx, m, d.limit(), func(ctx context.Context, done *atomic.Int64) error {
				if err := createSmall(ctx, m.dir, n); err != nil {
					return err
				}
				last = time.Since(start)
				return s.durable(ctx, n, smallObject, smallName)
			})
			if err != nil {
				return err
			}
			if o.n = int64(n); o.cut {
				o.n = s.count(n)
			}
			show := func(r *row, rate float64) {
				r.add(c.column(), rate)
				if o.cut {
					r.mark(c.column())
				}
			}
			if c.name != "sd" {
				show(goal, o.rate())
			}
			if c.name != sdWriteBack {
				show(durable, o.rate())
				if o.cut && last == 0 {
					show(closed, o.rate())
				} else {
					closed.add(c.column(), float64(n)/last.Seconds())
				}
			}
			return s.compareSmall(n, o.cut)
		},
	}
}

func smallName(i int) string { return fmt.Sprintf("small-%04d", i) }

// smallContent differs from file to file.
func smallContent(i int) []byte {
	content := make([]byte, smallObject)
	for off := 0; off < len(content); off += 8 {
		binary.LittleEndian.PutUint64(content[off:], uint64(i)<<32|uint64(off))
	}
	return content
}

func createSmall(ctx context.Context, dir string, n int) error {
	for i := range n {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := os.WriteFile(filepath.Join(dir, smallName(i)), smallContent(i), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// count is how many of the small files are whole at the server.
func (s *site) count(n int) (whole int64) {
	for i := range n {
		if s.whole(smallName(i), smallObject) {
			whole++
		}
	}
	return whole
}

// compareSmall looks at the bytes of the small files at the server. Where the time
// was over first, some may be missing.
func (s *site) compareSmall(n int, cut bool) error {
	for i := range n {
		got, err := os.ReadFile(s.path(smallName(i)))
		if cut && (err != nil || len(got) != smallObject) {
			continue
		}
		if err != nil {
			return err
		}
		if string(got) != string(smallContent(i)) {
			return fmt.Errorf("the server has other bytes in %s than were written", smallName(i))
		}
	}
	return nil
}
