//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"sd/index/search"
	"sd/internal/testtree"
	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
)

const (
	searchTimes  = 300 // searches of each kind in a process
	commandTimes = 40  // of commands
	largeColumn  = "10M, made up"
)

// question is a kind of search.
type question struct {
	name    string
	goal    float64 // ms at the 99th percentile; 0: none
	queries []string
}

// questions are what is asked of a tree of that many files, of which they know some names.
func questions(files int) ([]question, error) {
	var exact []string
	n := 0
	err := testtree.Each(files, treeSeed, func(f *testtree.Folder) error {
		for _, file := range f.Files {
			if n%max(1, files/97) == 0 {
				exact = append(exact, `"`+strings.ReplaceAll(file.Name, `"`, `\"`)+`"`)
			}
			n++
		}
		return nil
	})
	return []question{
		{"substring", 20, strings.Fields("rome invoice meeting tax_ passport landing 2019 concert moon hand")},
		{"substring that is everywhere", 20, []string{"jpg", "e", "a", "index", "report"}},
		{"exact name", 5, exact},
		{"pattern", 0, []string{"*.mp4", "IMG_00*.jpg", "*report*", "?ndex.*", "*[0-9].pdf"}},
	}, err
}

// search asks in a process that stays, and by commands.
func (x *indexBench) search(ctx context.Context, u *user, column string, files int, locate string) error {
	asked, err := questions(files)
	if err != nil {
		return err
	}
	progress("searching %s files", column)
	if err := x.ask(ctx, u.data, column, asked); err != nil {
		return err
	}
	for _, q := range asked[:3] {
		took, err := times(commandTimes, func(i int) error {
			_, err := u.run(ctx, "search", q.queries[i%len(q.queries)])
			return err
		})
		if err != nil {
			return err
		}
		x.row(x.searches, q.name+", by a command, p50, ms", "", 0).add(column, percentile(took, 50))
		x.row(x.searches, q.name+", by a command, p99, ms", "", 0).add(column, percentile(took, 99))
	}
	if locate == "" {
		return nil
	}
	for _, q := range asked[:2] {
		took, err := times(commandTimes, func(i int) error {
			out, err := exec.CommandContext(ctx, "plocate", "-d", locate, "-i", "-l", "100", q.queries[i%len(q.queries)]).CombinedOutput()
			if exit := new(exec.ExitError); errors.As(err, &exit) && len(out) == 0 {
				return nil // nothing was found
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("plocate: %w", err)
		}
		x.row(x.searches, q.name+", by plocate -i -l 100, p50, ms", "", 0).add(column, percentile(took, 50))
	}
	x.searches.note("plocate gives the first hits that it comes to; sd looks at all for the best")
	return nil
}

// ask searches in this process.
func (x *indexBench) ask(ctx context.Context, data, column string, asked []question) error {
	lib, err := library.Open(ctx, data, "")
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
	for _, q := range asked {
		one := func(i int) error {
			_, err := s.Search(ctx, search.Query{Text: q.queries[i%len(q.queries)], Limit: search.DefaultLimit}, func(search.Hit) error { return nil })
			return err
		}
		if _, err := times(len(q.queries), one); err != nil { // to warm up
			return err
		}
		took, err := times(searchTimes, one)
		if err != nil {
			return err
		}
		x.row(x.searches, q.name+", in a process, p50, ms", "", 0).add(column, percentile(took, 50))
		x.row(x.searches, q.name+", in a process, p99, ms", "≤", q.goal).add(column, percentile(took, 99))
	}
	return nil
}

// large makes up a library of ten million files and searches it.
func (x *indexBench) large(ctx context.Context) error {
	files, column := 10_000_000, largeColumn
	if x.quick {
		files = 200_000
		x.searches.note("%s has %d files in this quick run", column, files)
	}
	progress("making up a library of %d files", files)
	u, err := x.newUser("user-large")
	if err != nil {
		return err
	}
	lib, err := library.Open(ctx, u.data, "")
	if err != nil {
		return err
	}
	defer lib.Close()
	start := time.Now()
	if err := testtree.Fill(ctx, lib.Catalog(), catalog.DevicePlace(lib.ThisDevice().ID), "tree", files, treeSeed); err != nil {
		return err
	}
	filled := time.Since(start)
	start = time.Now()
	if err := search.Pack(ctx, lib, true); err != nil {
		return err
	}
	packed := time.Since(start)
	counts, err := lib.Catalog().Count(ctx, 0)
	if err != nil {
		return err
	}
	if err := lib.Close(); err != nil {
		return err
	}
	total, err := u.bytes()
	if err != nil {
		return err
	}
	asked, err := questions(files)
	if err != nil {
		return err
	}
	if err := x.ask(ctx, u.data, column, asked); err != nil {
		return err
	}
	x.searches.note("%s: put into the database at %s files/s, the name pack made in %.1f s, %s bytes an entry altogether", column,
		figure(float64(files)/filled.Seconds()), packed.Seconds(), figure(float64(total)/float64(counts.Files+counts.Folders)))
	return nil
}

// times does something so often and tells how long each took, in ms, sorted.
func times(n int, do func(i int) error) ([]float64, error) {
	took := make([]float64, n)
	for i := range n {
		start := time.Now()
		if err := do(i); err != nil {
			return nil, err
		}
		took[i] = float64(time.Since(start).Microseconds()) / 1000
	}
	slices.Sort(took)
	return took, nil
}

// percentile is the p-th of sorted figures.
func percentile(sorted []float64, p int) float64 {
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}
