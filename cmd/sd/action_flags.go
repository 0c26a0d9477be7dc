package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sd/actions/compare"
	"sd/actions/steps"
)

// actionFlags are the flags of commands that change files.
type actionFlags struct {
	preview, dryRun, yes bool

	overwrite        overwriteFlag
	verify           bool
	permanent        bool
	include, exclude []string
	bwlimit          byteRate
	transfers        int
}

// add gives cmd the flags that all these commands have.
func (f *actionFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.preview, "preview", false, "show what would be done, and ask before it is")
	flags.BoolVarP(&f.dryRun, "dry-run", "n", false, "show what would be done, and do nothing")
	flags.BoolVarP(&f.yes, "yes", "y", false, "agree without being asked")
}

// addCopying gives cmd those of commands that write files.
func (f *actionFlags) addCopying(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(&f.overwrite, "overwrite", "what becomes of files that are there and differ: never, newer, changed or always (default: nothing is done, and they are listed)")
	flags.BoolVar(&f.verify, "verify", false, "read every copy back and compare it")
	flags.Var(&f.bwlimit, "bwlimit", "so many bytes a second at most, to and from services (10M)")
	flags.IntVar(&f.transfers, "transfers", 0, "so many files at a time (default: as the stores take it)")
}

// addFilter gives cmd those that choose files below a folder.
func (f *actionFlags) addFilter(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.include, "include", nil, "only files that match; may be repeated")
	flags.StringArrayVar(&f.exclude, "exclude", nil, "no files and folders that match ('*.tmp'; with a slash in it, from the source on); may be repeated")
}

// addPermanent gives cmd the flag of commands that remove files.
func (f *actionFlags) addPermanent(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.permanent, "permanent", false, "remove for good: not to the trash, and no undo")
}

// check refuses values that mean nothing.
func (f *actionFlags) check() error {
	if f.transfers < 0 {
		return usagef("--transfers is negative")
	}
	if f.bwlimit < 0 {
		return usagef("--bwlimit is negative")
	}
	if slices.Contains(f.include, "") || slices.Contains(f.exclude, "") {
		return usagef("an empty pattern matches nothing: give --include and --exclude such as '*.jpg'")
	}
	if _, err := compare.NewFilter(f.include, f.exclude); err != nil {
		return &usageError{err.Error()}
	}
	return nil
}

// shows tells whether the user is shown a plan before anything is done.
func (f *actionFlags) shows() bool { return f.preview || f.dryRun }

// apply puts the flags where the action looks for them.
func (f *actionFlags) apply(o *steps.Options) {
	o.Overwrite = steps.Overwrite(f.overwrite)
	o.Verify = f.verify
	o.Permanent = f.permanent
	o.Include, o.Exclude = f.include, f.exclude
	o.BWLimit, o.Transfers = int64(f.bwlimit), f.transfers
}

// overwriteFlag is a flag for a steps.Overwrite.
type overwriteFlag steps.Overwrite

func (o *overwriteFlag) Set(s string) error {
	switch rule := steps.Overwrite(s); rule {
	case steps.Never, steps.Newer, steps.Changed, steps.Always:
		*o = overwriteFlag(rule)
		return nil
	}
	return fmt.Errorf("want never, newer, changed or always")
}

func (o *overwriteFlag) String() string { return string(*o) }

func (o *overwriteFlag) Type() string { return "rule" }

// byteRate is a flag for bytes a second: 500k, 10M, 10M/s.
type byteRate int64

func (r *byteRate) Set(s string) error {
	var n byteSize
	if err := n.Set(strings.TrimSuffix(s, "/s")); err != nil {
		return fmt.Errorf("want bytes a second such as 500k or 10M")
	}
	*r = byteRate(n)
	return nil
}

func (r *byteRate) String() string {
	if *r == 0 {
		return ""
	}
	return size(int64(*r)) + "/s"
}

func (r *byteRate) Type() string { return "rate" }
