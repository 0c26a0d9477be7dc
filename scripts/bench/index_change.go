//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sd/index/search"
	"sd/internal/netproxy"
	"sd/internal/testserver"
	"sd/internal/testtree"
	"sd/library"
	"sd/resolver"
)

// change measures how soon a new file is found while the tree is mounted.
func (x *indexBench) change(ctx context.Context) (err error) {
	files, tries := pick(x.bench, 100_000, 5_000), pick(x.bench, 20, 5)
	dir, err := x.work.data("changing")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	progress("making a tree of %d files to change", files)
	folders, err := testtree.Make(dir, files, treeSeed, nil)
	if err != nil {
		return err
	}
	u, err := x.newUser("user-change")
	if err != nil {
		return err
	}
	if _, _, _, err := u.indexes(ctx, files, "location", "add", dir, "--all"); err != nil {
		return err
	}
	m, err := u.mount(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.end()) }()
	lib, err := library.Open(ctx, u.data, "")
	if err != nil {
		return err
	}
	defer lib.Close()
	r, err := resolver.New(lib, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	s, err := search.Open(lib, r)
	if err != nil {
		return err
	}
	defer s.Close()

	progress("waiting for %d folders to be watched", folders)
	if err := until(ctx, time.Minute, func() (bool, error) {
		out, err := u.run(ctx, "status")
		return strings.Contains(string(out), "  fresh"), err
	}); err != nil {
		return err
	}
	seen := x.others.measure(fmt.Sprintf("a new file among %d is found after, s", files), "≤ 2", atMost(2))
	worst := x.others.measure("the same, the longest of all, s", "≤ 2", atMost(2))
	longest := 0.0
	for i := range tries {
		name := fmt.Sprintf("new-file-%d.txt", i)
		start := time.Now()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			return err
		}
		if err := until(ctx, time.Minute, func() (found bool, err error) {
			_, err = s.Search(ctx, search.Query{Text: name, Limit: 1}, func(search.Hit) error { found = true; return nil })
			return found, err
		}); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		took := time.Since(start).Seconds()
		seen.add("sd", took)
		longest = max(longest, took)
	}
	worst.add("sd", longest)
	return nil
}

// until waits for a condition.
func until(ctx context.Context, patience time.Duration, condition func() (bool, error)) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		ok, err := condition()
		switch {
		case err != nil || ok:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case time.Now().After(deadline):
			return fmt.Errorf("nothing within %v", patience)
		}
	}
}

// volume indexes a bucket at a distance.
func (x *indexBench) volume(ctx context.Context) error {
	const bucket, each = "index", 1000
	objects := pick(x.bench, 100_000, 5_000)
	server, err := testserver.StartGofakes3(ctx)
	if err != nil {
		return err
	}
	defer server.Stop()
	if err := server.MakeBucket(ctx, bucket); err != nil {
		return err
	}
	progress("filling a bucket with %d objects", objects)
	content := []byte("an object")
	err = server.Fill(ctx, bucket, objects, func(i int) (string, []byte) {
		return fmt.Sprintf("folder-%03d/object-%06d.txt", i/each, i), content
	})
	if err != nil {
		return err
	}
	faults, err := netproxy.NewFaults(server.URL)
	if err != nil {
		return err
	}
	defer faults.Close()
	link, err := netproxy.NewLink(faults.Addr(), netproxy.Config{RTT: roundTrip})
	if err != nil {
		return err
	}
	defer link.Close()
	budget := float64(objects) / 1000
	took := x.others.measure(fmt.Sprintf("%d objects at %v, first scan, s", objects, roundTrip), "", nil)
	again := x.others.measure("the same, second scan, s", "", nil)
	lists := x.others.measure("LIST requests of the first scan", "≤ "+figure(budget), atMost(budget))
	gets := x.others.measure("other requests of the first scan", "≤ 0", atMost(0))
	peak := x.others.measure("memory of the first scan at most, MiB", "", nil)
	for round := range x.rounds {
		progress("round %d of %d: a volume", round+1, x.rounds)
		u, err := x.newUser("user-volume")
		if err != nil {
			return err
		}
		if err := u.addBucket(ctx, bucket, link.URL()); err != nil {
			return err
		}
		faults.Forget()
		_, first, memory, err := u.indexes(ctx, objects, "location", "add", "s3://"+bucket)
		if err != nil {
			return err
		}
		others := 0
		for op, n := range faults.Counts() {
			if op != "LIST" {
				others += n
				x.others.note("the first scan also made %d %s", n, op)
			}
		}
		took.add("sd", first.Seconds())
		lists.add("sd", float64(faults.Count("LIST")))
		gets.add("sd", float64(others))
		peak.add("sd", memory)
		if _, second, _, err := u.indexes(ctx, objects, "location", "rescan"); err == nil {
			again.add("sd", second.Seconds())
		} else {
			return err
		}
	}
	return nil
}
