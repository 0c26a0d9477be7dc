//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// indexParts are the pieces of the section index, for -only.
var indexParts = []string{"scan", "identify", "search", "change", "volume", "large"}

// treeSeed makes the same trees in every run.
const treeSeed = 4

// treeSize is how many files a tree has.
type treeSize struct {
	name  string // of its column
	files int
}

// indexBench is the section index: what the library knows, and how fast.
type indexBench struct {
	*bench
	sizes []treeSize

	scans, contents, searches, others *grid
}

// index measures scans, identification, search, changes and volumes with the real program.
func (b *bench) index(ctx context.Context) ([]*grid, error) {
	x := &indexBench{bench: b, sizes: []treeSize{{"10k", 10_000}, {"100k", 100_000}, {"1M", 1_000_000}}}
	if b.quick {
		x.sizes = x.sizes[:1]
	}
	x.prepare()
	var err error
	for _, size := range x.sizes {
		if err = x.tree(ctx, size); err != nil {
			return nil, fmt.Errorf("tree of %s files: %w", size.name, err)
		}
	}
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"identify", x.identify}, {"change", x.change}, {"volume", x.volume}, {"large", x.large},
	} {
		if !b.wants("index", part.name) {
			continue
		}
		if err := part.do(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	var grids []*grid
	for _, g := range []*grid{x.scans, x.contents, x.searches, x.others} {
		if g.trim() {
			grids = append(grids, g)
		}
	}
	return grids, nil
}

// prepare names the tables.
func (x *indexBench) prepare() {
	var columns []string
	for _, s := range x.sizes {
		columns = append(columns, s.name)
	}
	x.scans = &grid{
		title: "Index: names of local files",
		about: "Trees of empty files as people name them, 20 in a folder, whose names the kernel has in memory; all rules off. A rate is that of the whole " +
			"command `sd location add --mode shallow` or `sd location rescan`, from its start to its end, with the database and the name pack.",
		columns: columns,
	}
	x.contents = &grid{
		title:   "Index: content of local files",
		about:   "Files in the page cache. The rate of sd is that of the identification alone, with its writes to the database.",
		columns: []string{"sd", "b3sum"}, ratio: [2]string{"sd", "b3sum"},
	}
	x.searches = &grid{
		title: "Search",
		about: "The same trees, and one that was made up in the database alone. At most 100 hits, the best first. \"In a process\" is one that stays, as a mount does; " +
			"a command is a new process each time, from its start to its end.",
		columns: append(slices.Clone(columns), largeColumn),
	}
	x.others = &grid{title: "Index: changes and volumes", columns: []string{"sd"}}
}

// top is the column by which goals are judged.
func (x *indexBench) top() string { return x.sizes[len(x.sizes)-1].name }

// row measures something of each tree; the goal is for the largest.
func (x *indexBench) row(g *grid, name, sign string, goal float64) *row {
	for _, r := range g.rows {
		if r.name == name {
			return r
		}
	}
	if goal == 0 {
		return g.measure(name, "", nil)
	}
	met := func(of func(string) float64) bool { return of(x.top()) >= goal }
	if sign == "≤" {
		met = func(of func(string) float64) bool { return of(x.top()) <= goal }
	}
	return g.measure(name, sign+" "+figure(goal), met)
}

// user is sd with a data directory of its own, and what it has used.
type user struct {
	*program
	data string
}

// newUser gives an sd that knows nothing yet.
func (x *indexBench) newUser(name string) (*user, error) {
	data, err := x.work.data(name)
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(data); err != nil {
		return nil, err
	}
	p := *x.sd
	p.env = append(slices.Clone(p.env), "SD_DATA_DIR="+data)
	return &user{program: &p, data: data}, nil
}

// timed runs a command and tells how long it took and how much memory it had at most, in MiB.
func (u *user) timed(ctx context.Context, args ...string) (out []byte, took time.Duration, peak float64, err error) {
	cmd := exec.CommandContext(ctx, u.binary, args...)
	cmd.Env = u.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var text, errText strings.Builder
	cmd.Stdout, cmd.Stderr = &text, &errText
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, 0, 0, err
	}
	ended, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			peak = max(peak, peakMemory(cmd.Process.Pid))
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
	}()
	err = cmd.Wait()
	took = time.Since(start)
	close(ended)
	<-watched
	if err != nil {
		err = fmt.Errorf("sd %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errText.String()))
	}
	return []byte(text.String()), took, peak, err
}

// report is what of sd's account of indexing matters here.
type report struct {
	State string
	Done  struct {
		Scan     struct{ Files, Folders, Problems int64 }
		Identify struct {
			Files, Bytes, Proven, Problems int64
			Took                           time.Duration `json:"took_ns"`
		}
	}
}

// indexes runs a command that indexes one location and checks that it has seen so many files.
func (u *user) indexes(ctx context.Context, files int, args ...string) (r report, took time.Duration, peak float64, err error) {
	out, took, peak, err := u.timed(ctx, append([]string{"--json"}, args...)...)
	if err != nil {
		return r, 0, 0, err
	}
	if err = json.Unmarshal(out, &r); err != nil {
		var list []report
		if err = json.Unmarshal(out, &list); err == nil && len(list) == 1 {
			r = list[0]
		}
	}
	if err != nil || r.State != "done" || r.Done.Scan.Files != int64(files) {
		return r, 0, 0, fmt.Errorf("sd %s has indexed %d files, want %d; it printed %s", strings.Join(args, " "), r.Done.Scan.Files, files, out)
	}
	return r, took, peak, nil
}

// bytes is what a user's library takes on the disk.
func (u *user) bytes() (total int64, err error) {
	err = filepath.WalkDir(u.data, func(path string, d iofs.DirEntry, err error) error {
		if errors.Is(err, iofs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() || !strings.Contains(path, ".sdlibrary/") {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
