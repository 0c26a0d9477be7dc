package main

import (
	"context"

	"github.com/spf13/cobra"

	"sd/actions/plan"
	"sd/actions/steps"
)

func (a *app) mvCommand() *cobra.Command {
	var f actionFlags
	cmd := &cobra.Command{
		Use:   "mv SRC... DST",
		Short: "move files and folders between any two places",
		Long: `Moves files and folders, from any place to any other. Where the place allows it that is a
rename. Else each file is copied, and removed where it was once the copy is safe: on the
disk, or confirmed by its service. What could not be copied stays where it was.

` + plan.Rules + "\n\n" + jobHelp + `

Exit status: 0 all is moved, 1 something is not, 2 wrong usage.`,
		Example: `  sd mv draft.txt final.txt
  sd mv ~/Videos/2019 s3://archive/videos/ --preview
  sd mv 's3://inbox/*.pdf' s3://archive/2024/`,
		Args: args(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if isStream(args) {
				return usagef("- cannot be moved: 'sd cp' reads and writes it")
			}
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.copyOrMove(ctx, p, steps.Move, args, true, f)
			})
		},
	}
	f.add(cmd)
	f.addCopying(cmd)
	f.addFilter(cmd)
	return cmd
}
