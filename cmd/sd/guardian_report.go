package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sd/guardian"
	"sd/library"
)

func (a *app) guardianReportCommand() *cobra.Command {
	var byFolder bool
	limit := 20
	cmd := &cobra.Command{
		Use:   "report [PATH]...",
		Short: "tell which files exist only once",
		Long: `Tells of the files below the PATHs (default: all locations) how many have one copy only,
how many have all their copies on one device or on one medium, and how many have fewer
than their policy asks for. Copies count wherever they lie. Files whose content is not
known yet are counted apart: nothing can be said of them. Each file is counted once among
these: copies on one device are not counted again as copies on one medium.

--by-folder breaks it down by the folders right below each PATH, those with most bytes short of
copies first. A file under several names (hard links) counts once.`,
		Example: "  sd guardian report\n  sd guardian report ~/Pictures --by-folder",
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return usagef("--limit is negative")
			}
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.guardianReport(ctx, p, args, byFolder, limit)
			})
		},
	}
	cmd.Flags().BoolVar(&byFolder, "by-folder", false, "also by folder")
	cmd.Flags().IntVar(&limit, "limit", limit, "show so many folders; 0 is all")
	return cmd
}

// reportRow is a report as it is printed.
type reportRow struct {
	guardian.Risks
	Default  string         `json:"default_policy"`
	Policies []policyTotals `json:"policies"`
	Folders  []folderTotals `json:"folders,omitempty"`
	More     int            `json:"more_folders,omitempty"`
	Rotten   []rotRow       `json:"bit_rot"`
}

type policyTotals struct {
	Path  string         `json:"path"` // "" where none is set
	Wants string         `json:"wants"`
	Total guardian.Tally `json:"total"`
	Unmet guardian.Tally `json:"unmet"`
}

type folderTotals struct {
	URI string `json:"uri"`
	guardian.Risks
}

type rotRow struct {
	URI      string    `json:"uri"`
	Expected string    `json:"expected_blake3"`
	Found    time.Time `json:"found"`
}

func (a *app) guardianReport(ctx context.Context, p *places, args []string, byFolder bool, limit int) error {
	scopes, err := a.scopes(ctx, p, args)
	if err != nil {
		return err
	}
	r, err := guardian.New(p.library, p.resolver).Report(ctx, guardian.ReportQuery{Under: scopes, Folders: byFolder})
	if err != nil {
		return err
	}
	row := reportRow{Risks: r.Risks, Default: guardian.Describe(guardian.Default), Policies: []policyTotals{}, Rotten: []rotRow{}}
	for _, t := range r.Policies {
		at := ""
		if t.Place != "" {
			at = p.placeURI(t.Place, t.Path)
		}
		row.Policies = append(row.Policies, policyTotals{at, guardian.Describe(t.Policy), t.Total, t.Unmet})
	}
	if limit > 0 && len(r.Folders) > limit {
		row.More = len(r.Folders) - limit
		r.Folders = r.Folders[:limit]
	}
	for _, f := range r.Folders {
		row.Folders = append(row.Folders, folderTotals{p.placeURI(f.Place, f.Path), f.Risks})
	}
	for _, rot := range r.Rotten {
		row.Rotten = append(row.Rotten, p.rotRow(rot))
	}
	if a.json {
		return a.printJSON(row)
	}
	return a.printReport(row, byFolder)
}

func (p *places) rotRow(r library.Rot) rotRow {
	return rotRow{URI: p.placeURI(r.Place, r.Path), Expected: fmt.Sprintf("%x", r.Expected), Found: r.Found}
}

func (a *app) printReport(r reportRow, byFolder bool) error {
	line := func(name string, t guardian.Tally) []string {
		share := ""
		if r.Total.Files > 0 {
			share = fmt.Sprintf("%.1f %%", 100*float64(t.Files)/float64(r.Total.Files))
		}
		return []string{name, commas(t.Files), size(t.Bytes), share}
	}
	rows := [][]string{
		{"", "FILES", "BYTES", "OF THE FILES"},
		line("identified", r.Total),
		line("  with one copy only", r.OneCopy),
		line("  with copies, all on one device", r.OneDevice),
		line("  with copies on devices of one medium", r.OneMedium),
		line("  short of the policy", r.Unmet),
	}
	if r.Unidentified.Files > 0 {
		rows = append(rows, []string{"content not known yet", commas(r.Unidentified.Files), size(r.Unidentified.Bytes), ""})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	if len(r.Policies) > 0 {
		rows := [][]string{{"POLICY OF", "WANTS", "FILES", "SHORT", "BYTES SHORT"}}
		for _, p := range r.Policies {
			at := p.Path
			if at == "" {
				at = "(none is set)"
			}
			rows = append(rows, []string{at, p.Wants, commas(p.Total.Files), commas(p.Unmet.Files), size(p.Unmet.Bytes)})
		}
		fmt.Fprintln(a.out)
		if err := a.table(rows); err != nil {
			return err
		}
	}
	if byFolder {
		rows := [][]string{{"FOLDER", "FILES", "BYTES", "SHORT", "BYTES SHORT", "ONE COPY", "NOT KNOWN YET"}}
		for _, f := range r.Folders {
			rows = append(rows, []string{f.URI, commas(f.Total.Files), size(f.Total.Bytes), commas(f.Unmet.Files), size(f.Unmet.Bytes),
				commas(f.OneCopy.Files), commas(f.Unidentified.Files)})
		}
		fmt.Fprintln(a.out)
		if err := a.table(rows); err != nil {
			return err
		}
		if r.More > 0 {
			fmt.Fprintf(a.out, "and %s; --limit 0 shows all\n", counted(int64(r.More), "more folder"))
		}
	}
	for i, rot := range r.Rotten {
		if i == 0 {
			fmt.Fprintf(a.out, "\nbit rot in %s ('sd verify' tells where to get them from):\n", counted(int64(len(r.Rotten)), "file"))
		}
		fmt.Fprintf(a.out, "  %s\n", printable(rot.URI))
	}
	if r.Unmet.Files+r.Unidentified.Files > 0 {
		fmt.Fprintln(a.out)
	}
	if r.Unmet.Files > 0 {
		fmt.Fprintln(a.out, "'sd guardian protect' plans the copies that are missing")
	}
	if r.Unidentified.Files > 0 {
		fmt.Fprintln(a.out, "content not known yet: "+howToIdentify)
	}
	return nil
}
