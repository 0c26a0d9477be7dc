package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sd/library"
)

func (a *app) locationProblemsCommand() *cobra.Command {
	limit := 100
	cmd := &cobra.Command{
		Use:   "problems [NAME]",
		Short: "tell what could not be indexed, and why",
		Long:  "Tells which files and folders of a location, or of all, could not be indexed, and why. With\n--json all are printed.",
		Args:  args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return usagef("--limit must be 1 or more")
			}
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.listProblems(ctx, p, args, limit)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "how many to print")
	return cmd
}

func (a *app) listProblems(ctx context.Context, p *places, args []string, limit int) error {
	var id int64
	if len(args) == 1 {
		loc, err := p.findLocation(ctx, args[0])
		if err != nil {
			return err
		}
		id = loc.ID
	}
	if a.json {
		limit = 0
	}
	locations, err := p.library.Locations(ctx)
	if err != nil {
		return err
	}
	byID := map[int64]library.Location{}
	for _, loc := range locations {
		byID[loc.ID] = loc
	}
	list, total, err := p.library.Problems(ctx, id, limit)
	if err != nil {
		return err
	}
	type row struct {
		Location string    `json:"location"`
		URI      string    `json:"uri"`
		Op       string    `json:"op"`
		Text     string    `json:"text"`
		When     time.Time `json:"when"`
	}
	rows := make([]row, len(list))
	cells := [][]string{{"URI", "OP", "WHY", "WHEN"}}
	for i, problem := range list {
		loc := byID[problem.Location]
		rows[i] = row{Location: loc.Name, URI: p.placeURI(loc.Place, problem.Path), Op: problem.Op, Text: problem.Text, When: problem.When}
		cells = append(cells, []string{rows[i].URI, problem.Op, problem.Text, when(problem.When)})
	}
	if a.json {
		return a.printJSON(rows)
	}
	if total == 0 {
		fmt.Fprintln(a.errOut, "no problems")
		return nil
	}
	if err := a.table(cells); err != nil {
		return err
	}
	if more := total - len(list); more > 0 {
		fmt.Fprintf(a.errOut, "and %s more; --limit shows more of them\n", commas(int64(more)))
	}
	return nil
}
