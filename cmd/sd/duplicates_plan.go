package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

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

// planOnly is said below every plan.
const planOnly = "this is a plan: this version of sd changes nothing"

func (a *app) planDuplicates(ctx context.Context, p *places, g *guardian.Guardian, q guardian.DuplicateQuery, keep guardian.Keep) (err error) {
	out := bufio.NewWriter(a.out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	object := &jsonObject{w: out}
	totals, err := g.Resolve(ctx, q, keep, func(r guardian.Resolution) error {
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
	})
	if err != nil {
		return err
	}
	if a.json {
		return object.end("groups", map[string]any{
			"acted": false,
			"totals": map[string]int64{
				"groups": totals.Groups, "copies": totals.Copies, "names": totals.Names, "frees": totals.Frees,
				"kept": totals.Kept, "left_out": totals.LeftOut,
			},
		})
	}
	fmt.Fprintf(out, "%s of %s could go, which frees %s", plural(totals.Copies, "copy", "copies"), counted(totals.Groups, "content"), size(totals.Frees))
	if totals.Kept > 0 {
		fmt.Fprintf(out, "; %s must stay", plural(totals.Kept, "more copy", "more copies"))
	}
	if totals.LeftOut > 0 {
		fmt.Fprintf(out, "; %s left out", counted(totals.LeftOut, "file"))
	}
	fmt.Fprintf(out, "\n%s\n", planOnly)
	return nil
}

func printPlan(out *bufio.Writer, row planRow) {
	fmt.Fprintf(out, "%s each, frees %s: content://%s\n", size(row.Size), size(row.Frees), row.Content)
	printSome(out, row.Keep, func(c copyRow) { printCopy(out, "  keep    ", c) })
	printSome(out, row.Remove, func(c copyRow) { printCopy(out, "  remove  ", c) })
	printSome(out, row.LeftOut, func(l leftRow) { fmt.Fprintf(out, "  skip    %s  (%s)\n", printable(l.URI), printable(l.Why)) })
	fmt.Fprintln(out)
}
