package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"sd/guardian"
	"sd/library/catalog"
	"sd/sdpath"
)

func (a *app) verifyCommand() *cobra.Command {
	var download bool
	cmd := &cobra.Command{
		Use:   "verify PATH...",
		Short: "read files again and find bit rot",
		Long: `Reads the files below the PATHs again, from their disks, and compares them with what they
were proven to hold. Files in volumes are only read with --download; the amount is shown
first.

  changed      size or time of change is another: it is identified anew
  bit rot      it holds other bytes, and neither size nor time tells. It counts as nobody's
               copy any more; where there is a good copy, the command to restore it is shown
  unreadable   it could not be read to its end
  missing      it is no longer there
  identified   it was not read before, so there was nothing to compare with
  not indexed  no location has it
  skipped      it was not read

The last three are only counted; -v lists them.

Exit status 1 if there is bit rot, a file that cannot be read, or a PATH that is not indexed.
Ctrl-C ends with a summary.`,
		Example: "  sd verify ~/Photos\n  sd verify s3://backup --download",
		Args:    args(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.verify(ctx, p, args, download)
			})
		},
	}
	cmd.Flags().BoolVar(&download, "download", false, "also read what lies in volumes")
	return cmd
}

// findingRow is a finding as it is printed.
type findingRow struct {
	Verdict  guardian.Verdict `json:"verdict"`
	URI      string           `json:"uri"`
	Size     int64            `json:"size"`
	Why      string           `json:"why,omitempty"`
	Expected string           `json:"expected_blake3,omitempty"`
	Actual   string           `json:"actual_blake3,omitempty"`
	Good     string           `json:"good_copy,omitempty"`
	GoodRead bool             `json:"good_copy_read,omitempty"` // just now
	Restore  string           `json:"restore,omitempty"`        // a shell command
}

func (p *places) findingRow(f guardian.Finding) findingRow {
	row := findingRow{Verdict: f.Verdict, URI: p.placeURI(f.Place, f.Path), Size: f.Size, Why: f.Why}
	if f.Verdict == guardian.Rotten {
		row.Expected, row.Actual = f.Expected.String(), f.Actual.String()
	}
	if f.Good != nil {
		row.Good, row.GoodRead = f.Good.URI.String(), f.Good.Read
		if f.Place == catalog.DevicePlace(p.resolver.ThisDevice().ID) {
			file := shellWord("/" + f.Path)
			part := shellWord("/" + f.Path + ".restored")
			// In place, so that the file keeps its mode, its owner and its other names.
			row.Restore = "sd cat " + shellWord(row.Good) + " > " + part + " && cp " + part + " " + file + " && rm " + part
		}
	}
	return row
}

func (a *app) verify(ctx context.Context, p *places, args []string, download bool) (err error) {
	g := guardian.New(p.library, p.resolver)
	scopes, err := p.verifyScopes(ctx, args)
	if err != nil {
		return err
	}
	here, cloud, err := g.VerifyAmount(ctx, scopes)
	if err != nil {
		return err
	}
	total := here.Bytes
	if cloud.Files > 0 {
		amount := counted(cloud.Files, "file") + ", " + size(cloud.Bytes)
		if download {
			total += cloud.Bytes
			fmt.Fprintf(a.errOut, "downloading %s\n", amount)
		} else {
			fmt.Fprintf(a.errOut, "%s lie in volumes and are not read: --download does that\n", amount)
		}
	}
	show := &verifyProgress{progressLine: a.newProgressLine(), total: total, began: time.Now()}
	show.last = show.began // where lines stay, short work prints none
	out := bufio.NewWriter(a.out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	object := &jsonObject{w: out}
	stop := show.start()
	unknown := false // a PATH itself is not indexed
	totals, failure := g.Verify(ctx, guardian.VerifyQuery{Under: scopes, Download: download, Progress: show.add}, func(f guardian.Finding) error {
		named := f.Verdict == guardian.NotIndexed && slices.Contains(scopes, guardian.Scope{Place: f.Place, Path: f.Path})
		unknown = unknown || named
		if f.Verdict == guardian.Intact || !named && !a.json && a.verbose == 0 && isUsual(f.Verdict) {
			return nil
		}
		row := p.findingRow(f)
		if a.json {
			return object.element("findings", row)
		}
		show.hidden(func() {
			printFinding(out, row)
			out.Flush()
		})
		return nil
	})
	stop()
	interrupted := ctx.Err() != nil && errors.Is(failure, ctx.Err())
	if failure != nil && !interrupted {
		return failure
	}
	if a.json {
		rest := map[string]any{"totals": totals, "interrupted": interrupted}
		if err := object.end("findings", rest); err != nil {
			return err
		}
	} else {
		printVerified(out, totals, interrupted)
	}
	if interrupted || unknown || totals[guardian.Rotten].Files > 0 || totals[guardian.Unreadable].Files > 0 {
		return &quietError{}
	}
	return nil
}

// isUsual tells whether a finding is nothing to look into, so that a text only counts it.
func isUsual(v guardian.Verdict) bool {
	return v == guardian.Identified || v == guardian.NotIndexed || v == guardian.Skipped
}

// verifyScopes are the places of the PATHs; for a content that is the places of its copies.
func (p *places) verifyScopes(ctx context.Context, args []string) (list []guardian.Scope, err error) {
	for _, arg := range args {
		uri, _, err := p.parsePath(ctx, arg)
		if err != nil {
			return nil, err
		}
		content, ok := uri.(sdpath.Content)
		if !ok {
			s, err := p.scope(ctx, arg)
			if err == nil {
				err = p.needThere(ctx, arg, s)
			}
			if err != nil {
				return nil, err
			}
			list = append(list, s)
			continue
		}
		_, sources, err := p.resolver.Candidates(ctx, content.ID)
		if err != nil {
			return nil, err
		}
		for _, s := range sources {
			place, path, err := p.resolver.Placed(s.Path)
			if err == nil {
				list = append(list, guardian.Scope{Place: place, Path: path})
			}
		}
	}
	return list, nil
}

// needThere refuses a PATH of this device that neither the disk nor the catalog has.
func (p *places) needThere(ctx context.Context, arg string, s guardian.Scope) error {
	if s.Place != catalog.DevicePlace(p.resolver.ThisDevice().ID) {
		return nil
	}
	if _, err := os.Lstat("/" + s.Path); !errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if known, err := p.isIndexed(ctx, s); known || err != nil {
		return err
	}
	return fmt.Errorf("%s: no such file or folder", printable(arg))
}

func printFinding(out *bufio.Writer, row findingRow) {
	fmt.Fprintf(out, "%-11s  %s", row.Verdict, printable(row.URI))
	if row.Why != "" {
		fmt.Fprintf(out, "  (%s)", printable(row.Why))
	}
	fmt.Fprintln(out)
	switch {
	case row.Verdict != guardian.Rotten:
	case row.Good == "":
		fmt.Fprintln(out, "             no other copy of what it held is known")
	default:
		how := "by the index; it was not read now"
		if row.GoodRead {
			how = "read just now"
		}
		fmt.Fprintf(out, "             good copy (%s): %s\n", how, printable(row.Good))
		if row.Restore != "" {
			fmt.Fprintf(out, "             restore it: %s\n", printableCommand(row.Restore))
		}
	}
}

func printVerified(out *bufio.Writer, totals guardian.VerifyTotals, interrupted bool) {
	if interrupted {
		fmt.Fprintln(out, "interrupted; so far:")
	}
	none := true
	for _, v := range []guardian.Verdict{guardian.Intact, guardian.Identified, guardian.Changed, guardian.Rotten, guardian.Unreadable,
		guardian.Missing, guardian.Skipped, guardian.NotIndexed} {
		t, ok := totals[v]
		if !ok {
			continue
		}
		none = false
		if v == guardian.NotIndexed {
			fmt.Fprintf(out, "%-11s  %s\n", v, plural(t.Files, "file or folder", "files and folders"))
			continue
		}
		fmt.Fprintf(out, "%-11s  %s, %s\n", v, counted(t.Files, "file"), size(t.Bytes))
	}
	if none {
		fmt.Fprintln(out, "no files")
	}
}

// verifyProgress shows how much was read.
type verifyProgress struct {
	*progressLine
	total int64
	began time.Time
	read  atomic.Int64

	turn sync.Mutex // held by whoever writes to the terminal
}

func (v *verifyProgress) add(n int64) { v.read.Add(n) }

// start shows it now and then until the function that it returns is called.
func (v *verifyProgress) start() (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				v.turn.Lock()
				v.set(v.text(time.Now()))
				v.turn.Unlock()
			}
		}
	}()
	return func() {
		close(done)
		<-ended
		v.clear()
	}
}

// hidden runs fn while the progress does not stand in its way.
func (v *verifyProgress) hidden(fn func()) {
	v.turn.Lock()
	defer v.turn.Unlock()
	v.clear()
	fn()
}

func (v *verifyProgress) text(now time.Time) string {
	n := v.read.Load()
	text := "verifying"
	took := now.Sub(v.began)
	rate := float64(n) / max(took.Seconds(), 0.001)
	if v.total > 0 {
		share := min(1, float64(n)/float64(v.total))
		if v.terminal {
			text += " " + bar(share)
		}
		text += fmt.Sprintf(" %3d %%", int(share*100))
	}
	text += fmt.Sprintf(", %s, %s/s", size(n), size(int64(rate)))
	if left := v.total - n; left > 0 && rate > 0 && took > time.Second {
		text += ", " + roughly(time.Duration(float64(left)/rate*float64(time.Second))) + " left"
	}
	return text
}
