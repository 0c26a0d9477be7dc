//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// identify measures how fast files are given their content ids.
func (x *indexBench) identify(ctx context.Context) error {
	const each = 50
	small := pick(x.bench, 50_000, 5_000)
	dir, err := x.work.data("small")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	progress("making %d files of 16 KiB", small)
	if err := makeSmall(ctx, dir, small, each); err != nil {
		return err
	}
	rate := x.contents.measure("files of 16 KiB, files/s", "≥ "+figure(15_000), atLeast(15_000))
	volume := x.contents.measure("files of 16 KiB, MiB/s", "", nil)
	room := x.contents.measure("database and name pack, bytes an entry, all identified", "≤ 150", atMost(150))
	whole := x.contents.measure("files of 16 KiB, the whole command with its scan, files/s", "", nil)
	for round := range x.rounds {
		progress("round %d of %d: identifying small files", round+1, x.rounds)
		u, err := x.newUser("user-small")
		if err != nil {
			return err
		}
		r, took, _, err := u.indexes(ctx, small, "location", "add", dir, "--all")
		if err != nil {
			return err
		}
		if r.Done.Identify.Proven != int64(small) {
			return fmt.Errorf("%d of %d files were identified", r.Done.Identify.Proven, small)
		}
		rate.add("sd", float64(small)/r.Done.Identify.Took.Seconds())
		volume.add("sd", mibPerSecond(int64(small)*smallObject, r.Done.Identify.Took))
		whole.add("sd", float64(small)/took.Seconds())
		total, err := u.bytes()
		if err != nil {
			return err
		}
		room.add("sd", float64(total)/float64(small+small/each+1))
		if took, ok, err := b3sum(ctx, dir); err != nil {
			return err
		} else if ok {
			rate.add("b3sum", float64(small)/took.Seconds())
			volume.add("b3sum", mibPerSecond(int64(small)*smallObject, took))
		}
	}
	x.contents.note("Spacedrive publishes 75 files/s for its identification of small files, and 1,700 to 3,600 files/s for its scans")
	return x.identifyLarge(ctx)
}

// identifyLarge reads a few large files.
func (x *indexBench) identifyLarge(ctx context.Context) error {
	dir, err := x.work.data("large-files")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	const files = 4
	size := min(x.size, pick(x.bench, int64(1<<30), 128<<20))
	progress("making %d files of %d MiB", files, size>>20)
	for i := range files {
		if _, err := writeBlocks(ctx, filepath.Join(dir, fmt.Sprint("large-", i)), size+int64(i)*blockSize); err != nil {
			return err
		}
	}
	var total int64
	for i := range files {
		total += size + int64(i)*blockSize
	}
	rate := x.contents.measure(fmt.Sprintf("%d files of %d MiB, MiB/s", files, size>>20), "≥ 0.8× b3sum", atLeastOf(0.8, "b3sum"))
	for round := range x.rounds {
		progress("round %d of %d: identifying large files", round+1, x.rounds)
		u, err := x.newUser("user-large-files")
		if err != nil {
			return err
		}
		_, ok, err := b3sum(ctx, dir) // brings the files into the page cache
		if err != nil {
			return err
		}
		if ok {
			took, _, err := b3sum(ctx, dir)
			if err != nil {
				return err
			}
			rate.add("b3sum", mibPerSecond(total, took))
		}
		r, _, _, err := u.indexes(ctx, files, "location", "add", dir, "--all")
		if err != nil {
			return err
		}
		rate.add("sd", mibPerSecond(total, r.Done.Identify.Took))
	}
	return nil
}

// makeSmall makes files of 16 KiB that all differ, so many in a folder.
func makeSmall(ctx context.Context, dir string, files, each int) error {
	content := bytes.Repeat([]byte("sixteen KiB of what is in files "), smallObject/32)
	for i := range files {
		folder := filepath.Join(dir, fmt.Sprintf("folder-%04d", i/each))
		if i%each == 0 {
			if err := os.Mkdir(folder, 0o755); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		binary.LittleEndian.PutUint64(content[smallObject/2:], uint64(i))
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("file-%06d.dat", i)), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// b3sum hashes all files below dir with the BLAKE3 team's own program; false: it is not there.
func b3sum(ctx context.Context, dir string) (took time.Duration, ok bool, err error) {
	if _, err := exec.LookPath("b3sum"); err != nil {
		return 0, false, nil
	}
	start := time.Now()
	cmd := exec.CommandContext(ctx, "sh", "-c", `find . -type f -print0 | xargs -0 b3sum >/dev/null`)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, false, fmt.Errorf("b3sum: %w: %s", err, out)
	}
	return time.Since(start), true, nil
}
