package main

import (
	"context"

	"github.com/spf13/cobra"

	"sd/actions/steps"
)

func (a *app) rmCommand() *cobra.Command {
	var (
		f         actionFlags
		recursive bool
	)
	cmd := &cobra.Command{
		Use:   "rm PATH...",
		Short: "remove files and folders, to the trash",
		Long: `Removes files, and with -r folders with all that is in them. They go to a trash, and
'sd job undo N' brings them back: local files to the desktop's own trash of their disk, objects
below .sd-trash/ in their volume; where the bucket keeps versions they only get a mark. With
--permanent they are gone for good, which is asked before.

Globs mean what they mean to a shell, also in volumes: quote them ('s3://b/2024/*.jpg').
The root of a file system or of a volume is never removed; 's3://b/*' is what is in it.
A file that was changed since it was looked at stays, and is told.

Exit status: 0 all is removed, 1 something is not, 2 wrong usage.`,
		Example: `  sd rm draft.txt
  sd rm -r s3://photos/2019 --preview
  sd rm 's3://logs/2023-*.gz' --permanent --yes`,
		Args: args(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				sources, err := p.sources(ctx, args)
				if err != nil {
					return err
				}
				spec := steps.Spec{Action: steps.Remove, Sources: sources, Who: p.who()}
				f.apply(&spec.Options)
				spec.Options.Recursive = recursive
				return a.act(ctx, p, spec, f)
			})
		},
	}
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "remove folders with all that is in them")
	f.add(cmd)
	f.addFilter(cmd)
	f.addPermanent(cmd)
	return cmd
}
