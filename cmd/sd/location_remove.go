package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"sd/index"
	"sd/jobs"
	"sd/library"
)

func (a *app) locationRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "forget a location",
		Long: `Forgets a location and what is known of its files, but for those in other locations.
The files stay where they are. NAME may be the location's PATH as well.`,
		Example: "  sd location remove Pictures",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.removeLocation(ctx, p, args[0])
			})
		},
	}
}

func (a *app) removeLocation(ctx context.Context, p *places, arg string) error {
	loc, err := p.findLocation(ctx, arg)
	if err != nil {
		return err
	}
	row, err := p.locationRow(ctx, loc)
	if err != nil {
		return err
	}
	if err := p.cancelJobs(ctx, loc); err != nil {
		return err
	}
	if err := p.library.RemoveLocation(ctx, loc.ID); err != nil {
		return err
	}
	if err := p.uncover(ctx, loc); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(row)
	}
	fmt.Fprintf(a.out, "removed %s (%s); its %s stay where they are\n", quote(loc.Name), printable(row.URI), counted(row.Files, "file"))
	return nil
}

// uncover drops what a mount that was scanning the location had put back by the time that it
// saw that the location is gone.
func (p *places) uncover(ctx context.Context, loc library.Location) error {
	left, err := p.library.Locations(ctx)
	if err != nil {
		return err
	}
	for _, other := range left {
		if other.Holds(loc.Place, loc.Path) {
			return nil // nothing of it goes
		}
	}
	unlock, err := index.New(p.indexConfig()).Lock(ctx, loc)
	if err != nil {
		return err
	}
	defer unlock()
	return p.library.Uncover(ctx, loc.Place, loc.Path)
}

// cancelJobs cancels the jobs of this device that index the location, and waits for them.
func (p *places) cancelJobs(ctx context.Context, loc library.Location) error {
	list, err := jobs.List(ctx, p.library, 0)
	if err != nil {
		return err
	}
	for _, j := range list {
		if j.Kind == jobIndex && j.Location == loc.ID && j.Device == p.library.ThisDevice().ID {
			if err := jobs.Cancel(ctx, p.library, j.ID); err != nil && !isEnded(err) {
				return err
			}
		}
	}
	return nil
}
