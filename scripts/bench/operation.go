//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// operation is one kind of work on names, done n times.
type operation struct {
	name, unit string
	goal       float64 // how many a second; 0: none
	budget     float64 // how many requests each may wait for; -1: any number
	n          int
	do         func(ctx context.Context, dir string) error
}

func (o operation) speed(g *grid) *row {
	if o.goal == 0 {
		return g.measure(o.name+", "+o.unit, "", nil)
	}
	return g.measure(o.name+", "+o.unit, "≥ "+figure(o.goal), atLeast(o.goal))
}

func (o operation) count(g *grid) *row {
	if o.budget < 0 {
		return g.measure(o.name, "", nil)
	}
	// A whole walk or burst also pays for its folders.
	return g.measure(o.name, "≤ "+figure(o.budget), func(of func(string) float64) bool {
		return of("waited for") <= o.budget+0.01
	})
}

// notWaited are the requests that nobody waits for.
var notWaited = []string{"RELEASE", "RELEASEDIR", "FORGET"}

// tally adds what was requested between two counts.
func (o operation) tally(r *row, before, after map[string]int64) {
	each := map[string]float64{}
	waited := 0.0
	for name, n := range after {
		if n -= before[name]; n > 0 {
			each[name] = float64(n) / float64(o.n)
			if !slices.Contains(notWaited, name) {
				waited += each[name]
			}
		}
	}
	r.add("waited for", waited)
	r.add("RELEASE", each["RELEASE"])
	names := slices.SortedFunc(maps.Keys(each), func(a, b string) int { return cmp.Compare(each[b], each[a]) })
	var parts []string
	for _, name := range names {
		if !slices.Contains(notWaited, name) && each[name] >= 0.005 {
			parts = append(parts, fmt.Sprintf("%.2f %s", each[name], name))
		}
	}
	r.text("of these", strings.Join(parts, ", "))
}
