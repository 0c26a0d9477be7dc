//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"sd/internal/testtree"
)

// tree measures what is measured of trees of each size, one after the other: they take
// much room.
func (x *indexBench) tree(ctx context.Context, size treeSize) error {
	if !x.wants("index", "scan") && !x.wants("index", "search") {
		return nil
	}
	dir, err := x.work.data("tree")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	progress("making a tree of %d files", size.files)
	folders, err := testtree.Make(dir, size.files, treeSeed, nil)
	if err != nil {
		return err
	}
	var u *user
	for round := range x.rounds {
		progress("round %d of %d: %s files", round+1, x.rounds, size.name)
		if u, err = x.scan(ctx, dir, size, folders); err != nil {
			return err
		}
	}
	locate, err := x.plocate(ctx, dir, size, folders)
	if err != nil || !x.wants("index", "search") {
		return err
	}
	return x.search(ctx, u, size.name, size.files, locate)
}

// scan adds the tree as a location, and looks at it again. The user that is left knows it.
func (x *indexBench) scan(ctx context.Context, dir string, size treeSize, folders int) (*user, error) {
	u, err := x.newUser("user-" + size.name)
	if err != nil {
		return nil, err
	}
	if _, err := u.run(ctx, "library", "info"); err != nil { // makes the library
		return nil, err
	}
	entries := float64(size.files + folders)
	_, took, peak, err := u.indexes(ctx, size.files, "location", "add", dir, "--mode", "shallow", "--all")
	if err != nil {
		return nil, err
	}
	x.row(x.scans, "first scan, files/s", "≥", 60_000).add(size.name, float64(size.files)/took.Seconds())
	again := x.row(x.scans, "second scan, nothing changed, files/s", "≥", 200_000)
	x.row(x.scans, "memory of the first scan at most, MiB", "≤", 150).add(size.name, peak)
	total, err := u.bytes()
	if err != nil {
		return nil, err
	}
	x.row(x.scans, "database and name pack, bytes an entry", "≤", 150).add(size.name, float64(total)/entries)
	if _, took, _, err = u.indexes(ctx, size.files, "location", "rescan"); err != nil {
		return nil, err
	}
	again.add(size.name, float64(size.files)/took.Seconds())
	return u, nil
}

// plocate makes the database of plocate for the same tree; "" if that is not installed.
func (x *indexBench) plocate(ctx context.Context, dir string, size treeSize, folders int) (database string, err error) {
	const about = "plocate: no rules, no attributes; updatedb reads folders and no file's size or time"
	if _, err := exec.LookPath("updatedb"); err != nil {
		x.scans.note("plocate is not installed")
		return "", nil
	}
	database = x.work.path("data", "plocate-"+size.name)
	for range x.rounds {
		start := time.Now()
		out, err := exec.CommandContext(ctx, "updatedb", "-l", "0", "-U", dir, "-o", database,
			"--prunepaths", "", "--prunefs", "", "--prunenames", "", "--prune-bind-mounts", "no").CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("updatedb: %w: %s", err, out)
		}
		x.row(x.scans, "updatedb (plocate), files/s", "", 0).add(size.name, float64(size.files)/time.Since(start).Seconds())
	}
	info, err := os.Stat(database)
	if err != nil {
		return "", err
	}
	x.row(x.scans, "database of plocate, bytes an entry", "", 0).add(size.name, float64(info.Size())/float64(size.files+folders))
	x.scans.note(about)
	return database, nil
}
