package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sd/actions"
	"sd/actions/compare"
	"sd/actions/plan"
	"sd/actions/steps"
	"sd/actions/syncs"
)

// syncFlags are the flags of sd sync.
type syncFlags struct {
	actionFlags
	mode      syncMode
	maxDelete string
	keep      span
	maxLocal  byteSize
	watch     bool
	interval  time.Duration
}

func (a *app) syncCommand() *cobra.Command {
	f := syncFlags{mode: syncMode(steps.Mirror), keep: span(syncs.DefaultKeep)}
	cmd := &cobra.Command{
		Use:   "sync SRC DST",
		Short: "bring two folders in step",
		Long: `Brings what is in folder SRC and what is in folder DST in step. A slash behind either
makes no difference. Files that both have are known to be the same by what they had when
they were last synced, by proof, or by size and time: unchanged files are not read, and
of a bucket only the list is asked for.

  --mode mirror         (the default) DST becomes as SRC. What SRC does not have is
                        removed from DST, to the trash. DST has no say.
  --mode bidirectional  Each side gets what was changed on the other since the last sync.
                        What both have changed is kept twice, the older one under the name
                        'NAME (conflict WHERE TIME)'. A change weighs more than a deletion.
                        The first time nothing counts as deleted.
  --mode archive        Files move from SRC to DST. A source goes to the trash when its
                        copy has arrived and was verified. Folders stay.
  --mode selective      Everything in SRC, a local folder, is kept in DST too. SRC keeps
                        what was changed within --keep and what is pinned ('sd pin'); the
                        rest is only in DST, and goes here only if it is proven to be
                        there. Nothing is deleted in DST. Pinned files come back.

A mirror or bidirectional sync that would remove more than --max-delete of a side's files
is refused (default 25%, but always 10 files), and so is one whose other side is empty and
was not. A side that cannot be reached, or a folder that cannot be read, never counts as
empty. A file that got another name on one side gets it on the other, without being sent.

--watch goes on until it is interrupted, and does it again when something changes: here
within seconds, in a bucket every --interval. It asks only before the first time.

` + compare.FilterRules + `

` + jobHelp + `

Exit status: 0 both are in step, 1 something is not, 2 wrong usage.`,
		Example: `  sd sync ~/Photos s3://backup/photos --preview
  sd sync ~/Work s3://team/work --mode bidirectional --watch
  sd sync ~/Scans s3://archive/scans --mode archive
  sd sync ~/Video s3://media/video --mode selective --keep 14d --max-local 200G`,
		Args: args(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.checkSync(cmd); err != nil {
				return err
			}
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				spec, err := p.syncSpec(ctx, args, &f)
				if err != nil {
					return err
				}
				if f.watch {
					return a.watchSync(ctx, p, spec, &f)
				}
				return a.sync(ctx, p, spec, f.actionFlags)
			})
		},
	}
	flags := cmd.Flags()
	flags.Var(&f.mode, "mode", "mirror, bidirectional, archive or selective")
	flags.StringVar(&f.maxDelete, "max-delete", "", "remove no more than so many files, or percent of a side's files: 100, 50%, none (default 25%)")
	flags.Var(&f.keep, "keep", "selective: files changed within this time stay here (14d)")
	flags.Var(&f.maxLocal, "max-local", "selective: no more than so many bytes stay here, but for what is pinned (200G)")
	flags.BoolVar(&f.watch, "watch", false, "go on, whenever something changes")
	flags.DurationVar(&f.interval, "interval", time.Minute, "with --watch: how often a side is listed that cannot tell of changes")
	f.add(cmd)
	f.addCopying(cmd)
	f.addFilter(cmd)
	f.addPermanent(cmd)
	return cmd
}

// checkSync refuses flags that mean nothing.
func (f *syncFlags) checkSync(cmd *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	mode := steps.SyncMode(f.mode)
	if mode != steps.Selective {
		for _, name := range []string{"keep", "max-local"} {
			if cmd.Flags().Changed(name) {
				return usagef("--%s is for --mode selective", name)
			}
		}
	}
	if f.overwrite != "" && mode != steps.Archive {
		return usagef("--overwrite is for --mode archive: the other modes say themselves what becomes of files that differ")
	}
	if err := syncs.CheckMaxDelete(f.maxDelete); err != nil {
		return &usageError{err.Error()}
	}
	switch {
	case f.watch && f.shows():
		return usagef("--watch shows nothing first: use --preview or --dry-run without it")
	case cmd.Flags().Changed("interval") && !f.watch:
		return usagef("--interval is for --watch")
	case f.interval < time.Second:
		return usagef("--interval is less than a second")
	}
	return nil
}

// syncSpec is what the arguments ask for.
func (p *places) syncSpec(ctx context.Context, args []string, f *syncFlags) (steps.Spec, error) {
	list, err := p.sources(ctx, args)
	if err != nil {
		return steps.Spec{}, err
	}
	spec := steps.Spec{Action: steps.Sync, Sources: list[:1], Target: list[1], Who: p.who()}
	f.apply(&spec.Options)
	o := &spec.Options
	o.Mode, o.MaxDelete = steps.SyncMode(f.mode), f.maxDelete
	switch o.Mode {
	case steps.Selective:
		o.Keep, o.MaxLocal = time.Duration(f.keep), int64(f.maxLocal)
	case steps.Archive:
		o.Verify = true
	}
	return spec, nil
}

// sync is one sync, as act does it.
func (a *app) sync(ctx context.Context, p *places, spec steps.Spec, f actionFlags) error {
	var conflicts int64
	err := a.actOn(ctx, p, f, func(ctx context.Context, e *actions.Engine) (*actions.Draft, error) {
		bar := a.newActionProgress(spec.Action)
		defer bar.clear()
		draft, err := e.Plan(ctx, spec, func(now plan.Progress) { bar.showPlanning(now) })
		if err == nil {
			conflicts = draft.Summary().Conflicts
		}
		return draft, p.explain(ctx, &spec, err)
	})
	if conflicts > 0 && err == nil {
		err = fmt.Errorf("%s left where they were: the archive has others of their names. --overwrite newer, changed or always replaces those", plural(conflicts, "file was", "files were"))
	}
	return err
}

// syncMode is a flag for a steps.SyncMode.
type syncMode steps.SyncMode

func (m *syncMode) Set(s string) error {
	switch mode := steps.SyncMode(s); mode {
	case steps.Mirror, steps.Bidirectional, steps.Archive, steps.Selective:
		*m = syncMode(mode)
		return nil
	}
	return errors.New("want mirror, bidirectional, archive or selective")
}

func (m *syncMode) String() string { return string(*m) }

func (m *syncMode) Type() string { return "mode" }

// span is a flag for a time that may be days: 36h, 14d.
type span time.Duration

func (d *span) Set(s string) error {
	unit, text := time.Duration(0), s
	for suffix, n := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			unit, text = n, rest
		}
	}
	if unit == 0 {
		v, err := time.ParseDuration(text)
		if err != nil || v <= 0 {
			return errors.New("want a time such as 36h, 14d or 8w")
		}
		*d = span(v)
		return nil
	}
	var n float64
	if _, err := fmt.Sscanf(text+"\n", "%g\n", &n); err != nil || n <= 0 || n*float64(unit) > float64(1<<62) {
		return errors.New("want a time such as 36h, 14d or 8w")
	}
	*d = span(n * float64(unit))
	return nil
}

func (d *span) String() string {
	if v := time.Duration(*d); v%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", v/(24*time.Hour))
	}
	return time.Duration(*d).String()
}

func (d *span) Type() string { return "time" }
