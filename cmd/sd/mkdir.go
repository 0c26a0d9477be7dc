package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/sdpath"
)

func (a *app) mkdirCommand() *cobra.Command {
	var (
		f       actionFlags
		parents bool
	)
	cmd := &cobra.Command{
		Use:   "mkdir PATH...",
		Short: "make folders",
		Long: `Makes folders, here or in volumes. In a bucket a folder is an object of no bytes whose name
ends in a slash, which other tools show as a folder, too; the folders above it need not be
there. 'sd job undo N' removes those again that are still empty.

Exit status: 0 all are made, 1 one is not, 2 wrong usage.`,
		Example: "  sd mkdir s3://photos/2025\n  sd mkdir -p ~/a/b/c",
		Args:    args(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				sources, err := p.sources(ctx, args)
				if err != nil {
					return err
				}
				for _, s := range sources {
					if uri, err := sdpath.Parse(s.URI); err == nil && isContent(uri) {
						return fmt.Errorf("%s: %w", s.URI, stores.ErrReadOnly)
					}
				}
				spec := steps.Spec{Action: steps.Mkdir, Sources: sources, Who: p.who()}
				spec.Options.Parents = parents
				return a.act(ctx, p, spec, f)
			})
		},
	}
	cmd.Flags().BoolVarP(&parents, "parents", "p", false, "make the folders above as well, and do not mind what is there")
	f.add(cmd)
	return cmd
}

// isContent tells whether a path names a content.
func isContent(p sdpath.Path) bool {
	_, is := p.(sdpath.Content)
	return is
}
