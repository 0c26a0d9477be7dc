//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// meta measures names and attributes of local files, over tmpfs where it may: a disk
// takes up to twenty times longer for the same from one run to the next.
func (b *bench) meta(ctx context.Context) ([]*grid, error) {
	dir, end, err := b.metaDir()
	if err != nil {
		return nil, err
	}
	defer end()
	kind := fileSystem(dir)
	bareName := "bare " + kind

	tree := storm{dirs: 50, files: 1000}
	small := 20_000
	if b.quick {
		tree.dirs, small = 5, 1000
	}
	progress("making %d files and an archive", tree.dirs*tree.files)
	if err := tree.make(ctx, filepath.Join(dir, "storm")); err != nil {
		return nil, err
	}
	pack, err := packTree(ctx, filepath.Join(dir, "tree.tar"), b.quick)
	if err != nil {
		return nil, err
	}

	g := &grid{
		title: "Local files: names and attributes",
		about: fmt.Sprintf("One folder on %s, bare and through the mounts; one process with one thread. Everybody begins with a fresh mount. "+
			"The stat storm reads %d folders and stats their %d files.", kind, tree.dirs, tree.dirs*tree.files),
		columns: []string{bareName, "bindfs", "sd"}, ratio: [2]string{"sd", bareName},
	}
	budget := &grid{
		title:   "Local files: FUSE requests per operation",
		about:   "As `sd status` counts them. A process waits for all but RELEASE and FORGET; one request costs about 50 µs.",
		columns: []string{"waited for", "RELEASE", "of these"},
	}
	ops := []operation{
		{"stat storm, 1st pass", "files/s", 0, -1, tree.dirs * tree.files, tree.walk},
		{"stat storm, 2nd pass", "files/s", 240_000, 0, tree.dirs * tree.files, tree.walk},
		{"open + read + close of 1 KiB", "files/s", 16_000, 1, small, small1K(small).read},
		{"create + write 1 KiB + close", "files/s", 7_000, 3, small, small1K(small).create},
		{"unlink", "files/s", 18_000, 1, small, small1K(small).unlink},
		{"tar -x --no-same-owner", "entries/s", 0, 6, pack.entries, pack.extract("--no-same-owner")},
		{"tar -x", "entries/s", 0, -1, pack.entries, pack.extract()},
	}
	speeds, counts := make([]*row, len(ops)), make([]*row, len(ops))
	for i, op := range ops {
		speeds[i], counts[i] = op.speed(g), op.count(budget)
	}
	if os.Geteuid() != 0 {
		g.note("the goals are for root")
		budget.note("the goals are for root")
	}
	g.note("tar -x unpacks %d entries, %d MiB; as root it also sets the owner of each", pack.entries, pack.bytes>>20)

	contenders := []contender{
		bare(bareName, dir),
		b.bindfs(dir),
		{name: "sd", mount: func(ctx context.Context) (*mounted, error) { return b.sd.mountLocal(ctx, dir) }},
	}
	err = eachRound(ctx, b.rounds, contenders, []*grid{g}, func(c contender, m *mounted) error {
		defer os.RemoveAll(filepath.Join(dir, "new"))
		if err := os.MkdirAll(filepath.Join(dir, "new", "small"), 0o755); err != nil {
			return err
		}
		for i, op := range ops {
			var before map[string]int64
			var err error
			if c.name == "sd" {
				if before, err = b.sd.kernelRequests(ctx); err != nil {
					return err
				}
			}
			start := time.Now()
			if err := op.do(ctx, m.dir); err != nil {
				return fmt.Errorf("%s: %w", op.name, err)
			}
			speeds[i].add(c.name, float64(op.n)/time.Since(start).Seconds())
			if c.name == "sd" {
				after, err := b.sd.kernelRequests(ctx)
				if err != nil {
					return err
				}
				op.tally(counts[i], before, after)
			}
		}
		return nil
	})
	return []*grid{g, budget}, err
}

// metaDir is a tmpfs of our own, or an ordinary folder if that is not allowed. It is
// not /dev/shm: sd hides what lies on a devtmpfs.
func (b *bench) metaDir() (dir string, end func(), err error) {
	if os.Geteuid() == 0 {
		return b.work.tmpfs()
	}
	progress("only root can mount a tmpfs: names and attributes are measured on the disk, which is slower and uneven")
	dir, err = b.work.data("meta")
	return dir, func() {}, err
}
