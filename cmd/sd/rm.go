package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"sd/actions/plan"
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
		Long: `Removes files, and with -r folders with all that is in them.

` + plan.RemoveRules + `

A file that was changed since it was looked at stays, and is told.

` + jobHelp + `

Exit status: 0 all is removed, 1 something is not, 2 wrong usage.`,
		Example: `  sd rm draft.txt
  sd rm -r s3://photos/2019 --preview
  sd rm 's3://logs/2023-*.gz' --permanent --yes`,
		Args: args(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			for _, arg := range args {
				if isDots(arg) {
					return usagef("%s is not removed, for fear of a slip: name the folder", quote(arg))
				}
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

// isDots tells whether the last name of a local path is . or .., which rm(1) refuses too.
func isDots(arg string) bool {
	base := strings.TrimRight(arg, "/")
	base = base[strings.LastIndexByte(base, '/')+1:]
	return !looksLikeURI.MatchString(arg) && (base == "." || base == "..")
}
