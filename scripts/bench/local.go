//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// local measures the bytes of local files: the same folder bare and through mounts.
func (b *bench) local(ctx context.Context) ([]*grid, error) {
	dir, err := b.work.data("local")
	if err != nil {
		return nil, err
	}
	bareName := "bare " + fileSystem(dir)
	size := b.size
	random := 400_000
	if b.quick {
		random = 50_000
	}
	g := &grid{
		title: "Local files: bytes",
		about: fmt.Sprintf("One folder on %s, bare and through the mounts; reads of a file of %d MiB that is in the page cache. "+
			"Each figure is the best of %d in its round.", fileSystem(dir), size>>20, tries),
		columns: []string{bareName, "bindfs", "sd"}, ratio: [2]string{"sd", bareName},
	}
	again := g.measure("sequential re-read, MiB/s", "≥ 0.4×", atLeastOf(0.4, bareName))
	pread := g.measure("random 4 KiB pread, ops/s", "≥ 0.8×", atLeastOf(0.8, bareName))
	write := g.measure(fmt.Sprintf("write %d MiB + fsync, MiB/s", size>>21), "≥ 0.8×", atLeastOf(0.8, bareName))
	readCPU := g.measure("mount CPU per GiB read, s", "0 with passthrough", atMost(0.02))
	writeCPU := g.measure("mount CPU per GiB written, s", "", nil)

	file := filepath.Join(dir, "large")
	if _, err := writeBlocks(ctx, file, size); err != nil {
		return nil, err
	}
	offsets := make([]int64, random)
	for i := range offsets {
		offsets[i] = rand.Int64N(size/4096) * 4096
	}
	contenders := []contender{
		bare(bareName, dir),
		b.bindfs(dir),
		{name: "sd", mount: func(ctx context.Context) (*mounted, error) { return b.sd.mountLocal(ctx, dir) }},
	}
	err = eachRound(ctx, b.rounds, contenders, []*grid{g}, func(c contender, m *mounted) error {
		if c.name == "sd" {
			if err := b.notePassthrough(ctx, g); err != nil {
				return err
			}
		}
		name := filepath.Join(m.dir, "large")
		if _, _, err := readBlocks(ctx, name, size); err != nil { // now it is in the page cache
			return err
		}
		cpu := cpuTime(m.pid)
		took, err := reread(ctx, name, size)
		if err != nil {
			return err
		}
		again.add(c.name, mibPerSecond(size, took))
		if m.pid != 0 {
			readCPU.add(c.name, perGiB(cpuTime(m.pid)-cpu, tries*size))
		}
		if took, err = bestOf(func() (time.Duration, error) { return randomReads(ctx, name, offsets) }); err != nil {
			return err
		}
		pread.add(c.name, float64(random)/took.Seconds())

		cpu = cpuTime(m.pid)
		took, err = bestOf(func() (time.Duration, error) {
			unix.Sync() // what others wrote is not ours to wait for
			defer os.Remove(filepath.Join(dir, "written"))
			return writeBlocks(ctx, filepath.Join(m.dir, "written"), size/2)
		})
		if err != nil {
			return err
		}
		write.add(c.name, mibPerSecond(size/2, took))
		if m.pid != 0 {
			writeCPU.add(c.name, perGiB(cpuTime(m.pid)-cpu, tries*size/2))
		}
		return nil
	})
	return []*grid{g}, err
}

// perGiB is CPU time in seconds for each GiB.
func perGiB(d time.Duration, bytes int64) float64 {
	return d.Seconds() / float64(bytes) * (1 << 30)
}

// notePassthrough says below the table whether the kernel reads and writes by itself.
func (b *bench) notePassthrough(ctx context.Context, g *grid) error {
	st, err := b.sd.status(ctx)
	if err != nil {
		return err
	}
	if st.Kernel.Local.Passthrough {
		g.note("sd: passthrough is on")
	} else {
		g.note("sd: passthrough is off (%s); the goals are for passthrough", st.Kernel.Local.Why)
	}
	return nil
}

// randomReads reads 4 KiB at each offset.
func randomReads(ctx context.Context, name string, offsets []int64) (time.Duration, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	start := time.Now()
	for i, off := range offsets {
		if i%1024 == 0 && ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		n, err := unix.Pread(fd, buf, off)
		if err == nil && n != len(buf) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, fmt.Errorf("read %s at %d: %w", name, off, err)
		}
	}
	return time.Since(start), nil
}
