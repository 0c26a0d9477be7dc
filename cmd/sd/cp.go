package main

import (
	"context"

	"github.com/spf13/cobra"

	"sd/actions/plan"
	"sd/actions/steps"
)

// jobHelp says what all commands that change files have in common.
const jobHelp = `--preview shows what would happen, with files, bytes, room, requests and time, and asks;
--dry-run shows it and does nothing. Replacing files and removing them for good is asked
about in any case; where nobody can answer, --yes has to agree.

The work is a job: Ctrl-C pauses it and 'sd job resume N' goes on, also after a crash, and in
the middle of a large file; where a mount is up, that does the work and goes on by itself.
What cannot be done is listed, the rest is done, and 'sd log N' tells what became of each
file. 'sd job undo N' takes it back.`

func (a *app) cpCommand() *cobra.Command {
	var (
		f         actionFlags
		recursive bool
	)
	cmd := &cobra.Command{
		Use:   "cp SRC... DST",
		Short: "copy files and folders between any two places",
		Long: `Copies files and folders, from any place to any other: local paths, buckets, contents.

` + plan.Rules + `

A single - as SRC reads standard input, as DST it writes to standard output; what comes
through a pipe is no job, but it arrives whole or not at all.

` + jobHelp + `

Exit status: 0 all is copied (or there already), 1 something is not, 2 wrong usage.`,
		Example: `  sd cp report.pdf s3://backup/docs/
  sd cp -r ~/Photos s3://backup/ --preview
  sd cp -r ~/Photos/ s3://backup/photos --overwrite newer --exclude '*.tmp'
  sd cp 's3://photos/2024/*.jpg' ~/best/
  sd cp content://550e8400-e29b-51d4-a716-446655440000 ~/copy.jpg
  pg_dump shop | sd cp - s3://backup/shop.sql`,
		Args: args(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				if isStream(args) {
					return a.stream(ctx, p, args, f)
				}
				return a.copyOrMove(ctx, p, steps.Copy, args, recursive, f)
			})
		},
	}
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "copy folders with all that is in them")
	f.add(cmd)
	f.addCopying(cmd)
	f.addFilter(cmd)
	return cmd
}

// copyOrMove is sd cp and sd mv.
func (a *app) copyOrMove(ctx context.Context, p *places, action steps.Action, args []string, recursive bool, f actionFlags) error {
	last := len(args) - 1
	sources, err := p.sources(ctx, args[:last])
	if err != nil {
		return err
	}
	target, err := p.source(ctx, args[last])
	if err != nil {
		return err
	}
	spec := steps.Spec{Action: action, Sources: sources, Target: target, Who: p.who()}
	f.apply(&spec.Options)
	spec.Options.Recursive = recursive
	return a.act(ctx, p, spec, f)
}
