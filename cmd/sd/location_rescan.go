package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sd/index"
	"sd/jobs"
	"sd/library"
	"sd/library/catalog"
)

func (a *app) locationRescanCommand() *cobra.Command {
	var (
		mode string
		opts indexOptions
	)
	cmd := &cobra.Command{
		Use:   "rescan [NAME]...",
		Short: "bring what is known of locations up to date",
		Long: `Looks at locations again, all of them without a NAME, and learns what has changed. A
NAME may be a location's PATH as well. Only what has changed is read.`,
		Example: "  sd location rescan\n  sd location rescan Pictures\n  sd location rescan s3://photos --mode deep",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.rescan(ctx, p, args, mode, opts)
			})
		},
	}
	cmd.Flags().StringVar(&mode, "mode", "", "shallow, content or deep from now on (default: as it is)")
	cmd.Flags().BoolVar(&opts.detach, "detach", false, "let the mount of this library do the work")
	cmd.Flags().BoolVarP(&opts.yes, "yes", "y", false, "download for mode deep without asking")
	return cmd
}

func (a *app) rescan(ctx context.Context, p *places, args []string, mode string, opts indexOptions) error {
	if opts.detach {
		if err := p.needMount(ctx); err != nil {
			return err
		}
	}
	list, err := p.library.Locations(ctx)
	if err != nil {
		return err
	}
	if len(args) == 0 && len(list) == 0 {
		return errors.New("there is no location yet: 'sd location add PATH' makes one")
	}
	// Those of other devices are theirs to look at.
	list = slices.DeleteFunc(list, func(loc library.Location) bool { return len(args) > 0 || !p.reachable(loc) })
	for _, arg := range args {
		loc, err := p.findLocation(ctx, arg)
		if err != nil {
			return err
		}
		if !p.reachable(loc) {
			return fmt.Errorf("location %s is of another device (%s): rescan it there", quote(loc.Name), p.locationURI(loc))
		}
		list = append(list, loc)
	}
	if mode != "" {
		m, err := library.ParseMode(mode)
		if err != nil {
			return usagef("%v", err)
		}
		for i := range list {
			list[i].Mode = m
			if err := opts.mayAsk(list[i]); err != nil {
				return err
			}
			if err := p.library.SetLocation(ctx, list[i]); err != nil {
				return err
			}
		}
	}
	var failures []error
	var reports []indexedRow
	opts.collect = &reports
	for _, loc := range list {
		if err := a.indexNow(ctx, p, loc, opts); err != nil {
			failures = append(failures, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if a.json {
		failures = append(failures, a.printJSON(reports))
	}
	return errors.Join(failures...)
}

// reachable tells whether this device can look at the location.
func (p *places) reachable(loc library.Location) bool {
	return isVolume(loc) || loc.Place == catalog.DevicePlace(p.library.ThisDevice().ID)
}

// indexOptions say how a location is indexed by a command.
type indexOptions struct {
	detach  bool
	yes     bool          // download without asking
	added   bool          // the location is new
	collect *[]indexedRow // put the JSON here instead of printing it
}

// mayAsk refuses work that would have to ask the user where nobody can.
func (o indexOptions) mayAsk(loc library.Location) error {
	if o.detach && !o.yes && loc.Mode == library.Deep && isVolume(loc) {
		return usagef("a mount cannot ask before it downloads objects to identify them: agree with --yes, or choose --mode content")
	}
	return nil
}

// indexedRow is what came of indexing as it is printed.
type indexedRow struct {
	Location locationRow      `json:"location"`
	Job      int64            `json:"job"`
	State    library.JobState `json:"state"`
	Error    string           `json:"error,omitempty"`
	Done     *indexed         `json:"done,omitempty"` // nil: others do it
}

// indexNow indexes a location by a job, here or, with opts.detach, by the mount, and prints
// what came of it. An unfinished job of the location is taken up again.
func (a *app) indexNow(ctx context.Context, p *places, loc library.Location, opts indexOptions) error {
	job, err := p.indexJob(ctx, loc, opts)
	if err != nil {
		return err
	}
	if opts.detach {
		return a.showIndexed(ctx, p, loc, job.ID, nil, nil, opts)
	}
	done, err := a.runIndexJob(ctx, p, loc, job, opts.yes)
	return a.showIndexed(ctx, p, loc, job.ID, &done, err, opts)
}

// indexJob finds the unfinished job of a location, or makes one.
func (p *places) indexJob(ctx context.Context, loc library.Location, opts indexOptions) (library.Job, error) {
	list, err := jobs.List(ctx, p.library, 0)
	if err != nil {
		return library.Job{}, err
	}
	for _, j := range list {
		switch {
		case j.Kind != jobIndex || j.Location != loc.ID || j.Device != p.library.ThisDevice().ID:
		case j.Live:
			return library.Job{}, fmt.Errorf("%s is being indexed already: 'sd job wait %d' follows that", loc.Name, j.ID)
		case opts.detach == j.Detached && !opts.yes && j.State != library.Paused:
			return j.Job, nil
		default:
			if err := jobs.Cancel(ctx, p.library, j.ID); err != nil { // the new one does all of its work
				return library.Job{}, err
			}
		}
	}
	args, err := json.Marshal(indexArgs{Download: opts.yes})
	if err != nil {
		return library.Job{}, err
	}
	return p.library.AddJob(ctx, library.Job{Kind: jobIndex, Title: "index " + loc.Name, Location: loc.ID, Detached: opts.detach, Args: args})
}

// runIndexJob runs a job here, with progress, and puts its end in words.
func (a *app) runIndexJob(ctx context.Context, p *places, loc library.Location, job library.Job, yes bool) (indexed, error) {
	bar := a.newIndexProgress(loc.Name)
	defer bar.clear()
	done, err := p.runIndexJob(ctx, job, func(_ context.Context, objects, bytes int64) (bool, error) {
		bar.clear()
		if yes {
			return true, nil
		}
		return a.askDownload(loc.Name, objects, bytes)
	}, bar.show)
	busy := new(jobs.BusyError)
	switch {
	case err == nil, errors.As(err, &busy), isEnded(err):
	case errors.Is(err, jobs.ErrCanceled):
		err = fmt.Errorf("indexing %s was canceled", loc.Name)
	case ctx.Err() != nil:
		err = fmt.Errorf("paused; go on with 'sd job resume %d'", job.ID)
	case errors.Is(err, jobs.ErrPaused):
		err = fmt.Errorf("paused; go on with 'sd job resume %d'", job.ID)
	default:
		err = fmt.Errorf("%s; 'sd job resume %d' tries again", locationFault(loc, err), job.ID)
	}
	return done, err
}

// locationFault is what went wrong with a location in one line, with its name in front once.
func locationFault(loc library.Location, err error) string {
	text := err.Error()
	if root := new(iofs.PathError); errors.As(err, &root) && root.Path == "" { // of a bucket
		text = strings.ReplaceAll(text, root.Error(), root.Err.Error())
	}
	lines := strings.Split(text, "\n") // of joined errors, which may be the same
	slices.Sort(lines)
	text = strings.Join(slices.Compact(lines), "; ")
	return printable(loc.Name) + ": " + withoutLocation(loc.Name, text)
}

// withoutLocation drops a location's name from the front of an error, where it is told already.
func withoutLocation(name, text string) string {
	return strings.TrimPrefix(text, "location "+strconv.Quote(name)+": ")
}

// showIndexed prints what came of indexing; done is nil if others do it.
func (a *app) showIndexed(ctx context.Context, p *places, loc library.Location, job int64, done *indexed, failure error, opts indexOptions) error {
	ctx = context.WithoutCancel(ctx)
	if a.json {
		row := indexedRow{Job: job, Done: done}
		if failure != nil {
			row.Error = failure.Error()
		}
		if now, err := jobs.Get(ctx, p.library, job); err == nil {
			row.State = now.State
		}
		if now, err := p.locationByID(ctx, loc.ID); err == nil {
			loc = now // with the time of the scan
		}
		var err error
		if row.Location, err = p.locationRow(ctx, loc); err != nil {
			return errors.Join(failure, err)
		}
		if opts.collect != nil {
			*opts.collect = append(*opts.collect, row)
			return failure
		}
		return errors.Join(failure, a.printJSON(row))
	}
	if failure != nil {
		return failure
	}
	name := quote(loc.Name) + " (" + printable(p.locationURI(loc)) + ")"
	if done == nil {
		fmt.Fprintf(a.out, "%s is left to the mount: 'sd job wait %d' follows that\n", name, job)
		return nil
	}
	fmt.Fprintf(a.out, "%s: %s\n", name, strings.Join(done.summary(opts.added), ", "))
	if _, problems, err := p.library.Problems(ctx, loc.ID, 1); err == nil && problems > 0 {
		fmt.Fprintf(a.errOut, "%s: 'sd location problems %s' shows them\n", counted(int64(problems), "problem"), shellWord(loc.Name))
	}
	return nil
}

// summary tells what was done in a few words; added says that all of it is new.
func (d indexed) summary(added bool) []string {
	words := []string{counted(d.Scan.Files, "file"), counted(d.Scan.Folders, "folder"), size(d.Scan.Bytes)}
	if !added {
		words = append(words, changes(d.Scan))
	}
	words = append(words, "scanned in "+tookText(d.Scan.Took, d.Scan.Files))
	if text := identifySummary(d.Identify); text != "" {
		words = append(words, text)
	}
	return words
}

// tookText is how long work took and, where that tells something, its rate.
func tookText(took time.Duration, files int64) string {
	if took < 100*time.Millisecond {
		return max(took, time.Millisecond).Round(time.Millisecond).String()
	}
	return fmt.Sprintf("%v (%s files/s)", took.Round(10*time.Millisecond), commas(int64(float64(files)/took.Seconds())))
}

// changes says what a scan found changed.
func changes(r index.Report) string {
	var words []string
	for _, c := range []struct {
		n    int64
		what string
	}{{r.Added - r.Moved, "new"}, {r.Changed, "changed"}, {r.Moved, "moved"}, {r.Removed - r.Moved, "gone"}} {
		if c.n > 0 {
			words = append(words, commas(c.n)+" "+c.what)
		}
	}
	if len(words) == 0 {
		return "nothing changed"
	}
	return strings.Join(words, ", ")
}

// shellWord is a name as it can be typed into a shell.
func shellWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(plainRunes, r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// plainRunes mean nothing to a shell.
const plainRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+,"
