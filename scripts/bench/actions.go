//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"strings"

	"sd/internal/netproxy"
)

// actionParts are the pieces of the section actions, for -only.
var actionParts = []string{"local", "up", "down", "across", "sync"}

// The columns of the tables of actions beside sd.
const (
	cpColumn     = "cp -a"
	rcloneColumn = "rclone tuned"
)

// tunedCopy is what makes rclone's copies fastest here: without a HEAD and an MD5 for each
// object, with large parts and many at a time.
var tunedCopy = strings.Fields(`--transfers 32 --checkers 32 --fast-list --s3-chunk-size 16M --s3-upload-concurrency 8
	--s3-disable-checksum --s3-no-head --s3-no-check-bucket --s3-use-unsigned-payload true --multi-thread-streams 16
	--multi-thread-chunk-size 16M --multi-thread-cutoff 64M`)

// tunedSync is the same for a sync of what has not changed: it compares times of upload, which
// listings tell, and asks for no object.
var tunedSync = strings.Fields(`--update --use-server-modtime`)

// actionsBench is the section actions: commands that change files, each of which is a process
// of its own from its start to its end.
type actionsBench struct {
	*distance
	sites map[string]*site

	large, small string // a file, and a folder of small files

	files, far *grid
	memory     *row // the peak of all commands at S3
}

// actions measures cp and sync of sd beside cp -a and rclone.
func (b *bench) actions(ctx context.Context) ([]*grid, error) {
	x := &actionsBench{distance: newDistance(b), sites: map[string]*site{}}
	defer x.closeAll()
	x.name()
	if err := x.fill(ctx); err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"local", x.copies}, {"up", x.up}, {"down", x.down}, {"across", x.across}, {"sync", x.syncs},
	} {
		if !b.wants("actions", part.name) {
			continue
		}
		if err := part.do(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	if x.memory != nil {
		x.far.rows = append(x.far.rows, x.memory)
	}
	var grids []*grid
	for _, g := range []*grid{x.files, x.far} {
		if g.trim() {
			grids = append(grids, g)
		}
	}
	return grids, nil
}

// name names the tables.
func (x *actionsBench) name() {
	x.files = &grid{
		title: "Actions: copies on one disk",
		about: "One command each, from its start to its end, from files in the page cache to a folder that is not there; the disk rests before it begins. " +
			"sd plans, keeps the plan and its journal, copies, and writes its log.",
		columns: []string{cpColumn, "sd"}, ratio: [2]string{"sd", cpColumn},
	}
	x.far = &grid{
		title: fmt.Sprintf("Actions: S3 at %v round trip", roundTrip),
		about: fmt.Sprintf("One command each, from its start to its end, against versitygw (gofakes3 for the sync) behind a delay proxy (%d MiB under way per connection and direction), "+
			"all on this machine. What arrives is compared byte for byte afterwards. rclone: `%s`; sync also `%s`.",
			netproxy.DefaultWindow>>20, strings.Join(tunedCopy, " "), strings.Join(tunedSync, " ")),
		columns: []string{rcloneColumn, "sd"}, ratio: [2]string{"sd", rcloneColumn},
	}
}

// noMoreThan is a goal for sd's time in units of another's.
func noMoreThan(times float64, column string) (string, func(func(string) float64) bool) {
	return "≤ " + figure(times) + "×", func(of func(string) float64) bool { return of("sd") <= times*of(column) }
}

// noLessThan is a goal for sd's rate in units of another's.
func noLessThan(times float64, column string) (string, func(func(string) float64) bool) {
	return "≥ " + figure(times) + "×", func(of func(string) float64) bool { return of("sd") >= times*of(column) }
}

// timed adds a row of times.
func (g *grid) timed(name string, times float64, column string) *row {
	goal, met := noMoreThan(times, column)
	return g.measure(name+", s", goal, met)
}

// rated adds a row of rates.
func (g *grid) rated(name string, times float64, column string) *row {
	goal, met := noLessThan(times, column)
	return g.measure(name, goal, met)
}

// maxMemory is the goal for the peak memory of any action, in MiB.
const maxMemory = 200

// peak keeps the largest peak of a contender.
func (r *row) peak(column string, mib float64) {
	if old := r.samples[column]; len(old) > 0 {
		mib = math.Max(mib, old[0])
	}
	r.samples[column] = []float64{mib}
}

// pairs has each contender do the work once a round, each round beginning with another one.
func (x *actionsBench) pairs(ctx context.Context, what string, contenders []string, do func(who string) error) error {
	for round := range x.rounds {
		for i := range contenders {
			who := contenders[(round+i)%len(contenders)]
			progress("%s, round %d of %d: %s", what, round+1, x.rounds, who)
			if err := do(who); err != nil {
				return fmt.Errorf("%s: %w", who, err)
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}
