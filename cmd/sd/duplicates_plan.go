package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/guardian"
)

// planRow is the plan for one group of duplicates as it is printed.
type planRow struct {
	Content string    `json:"content_id"`
	BLAKE3  string    `json:"blake3"`
	Size    int64     `json:"size"`
	Frees   int64     `json:"frees"`
	Keep    []copyRow `json:"keep"`
	Remove  []copyRow `json:"remove"`
	LeftOut []leftRow `json:"left_out"`
}

type leftRow struct {
	URI string `json:"uri"`
	Why string `json:"why"`
}

// resolveDuplicates prints which copies are to go, and has them removed.
func (a *app) resolveDuplicates(ctx context.Context, p *places, g *guardian.Guardian, q guardian.DuplicateQuery, keep guardian.Keep, f actionFlags) (err error) {
	out := bufio.NewWriter(a.out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	object := &jsonObject{w: out}
	spec := steps.Spec{Action: steps.Resolve, Who: p.who()}
	if spec.Sources, err = p.scopeSources(q.Under); err != nil {
		return err
	}
	f.apply(&spec.Options)
	var totals guardian.PlanTotals
	fill := func(ctx context.Context, w *steps.Writer, set *stores.Set) (steps.Summary, []steps.StoreRef, error) {
		d := &discards{planStores: newPlanStores(p, set), w: w, permanent: f.permanent, trash: map[string]bool{}}
		totals, err = g.Resolve(ctx, q, keep, func(r guardian.Resolution) error {
			return errors.Join(a.showResolution(p, out, object, &r), d.add(ctx, &r))
		})
		return d.sum, d.refs, err
	}
	row, err := a.actPlanned(ctx, p, spec, f, fill, func(*steps.Summary) error {
		if !a.json {
			printResolved(out, totals)
		}
		return out.Flush()
	})
	if !a.json || err != nil && !row.Acted {
		return err
	}
	return errors.Join(err, object.end("groups", row.members(map[string]any{
		"totals": map[string]int64{
			"groups": totals.Groups, "copies": totals.Copies, "names": totals.Names, "frees": totals.Frees,
			"kept": totals.Kept, "left_out": totals.LeftOut,
		},
	})))
}

// showResolution prints what is to become of one content.
func (a *app) showResolution(p *places, out *bufio.Writer, object *jsonObject, r *guardian.Resolution) error {
	row := planRow{
		Content: r.Content.ID().String(), BLAKE3: r.Content.BLAKE3.String(), Size: r.Content.Size, Frees: r.Frees,
		Keep: []copyRow{}, Remove: p.copyRows(r.Remove), LeftOut: []leftRow{},
	}
	for _, k := range r.Keep {
		row.Keep = append(row.Keep, p.copyRow(k.Instance, k.Why))
	}
	for _, l := range r.LeftOut {
		row.LeftOut = append(row.LeftOut, leftRow{p.placeURI(l.Place, l.Path), l.Why})
	}
	if a.json {
		return object.element("groups", row)
	}
	printPlan(out, row)
	return nil
}

// printResolved sums up what could go.
func printResolved(out *bufio.Writer, totals guardian.PlanTotals) {
	fmt.Fprintf(out, "%s of %s could go, which frees %s", plural(totals.Copies, "copy", "copies"), counted(totals.Groups, "content"), size(totals.Frees))
	if totals.Kept > 0 {
		fmt.Fprintf(out, "; %s must stay", plural(totals.Kept, "more copy", "more copies"))
	}
	if totals.LeftOut > 0 {
		fmt.Fprintf(out, "; %s left out", counted(totals.LeftOut, "file"))
	}
	fmt.Fprintln(out)
}

func printPlan(out *bufio.Writer, row planRow) {
	fmt.Fprintf(out, "%s each, frees %s: content://%s\n", size(row.Size), size(row.Frees), row.Content)
	printSome(out, row.Keep, func(c copyRow) { printCopy(out, "  keep    ", c) })
	printSome(out, row.Remove, func(c copyRow) { printCopy(out, "  remove  ", c) })
	printSome(out, row.LeftOut, func(l leftRow) { fmt.Fprintf(out, "  skip    %s  (%s)\n", printable(l.URI), printable(l.Why)) })
	fmt.Fprintln(out)
}
