package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sd/index"
	"sd/library"
	"sd/library/catalog"
)

func (a *app) locationVerifyCommand() *cobra.Command {
	var mend bool
	cmd := &cobra.Command{
		Use:   "verify NAME",
		Short: "compare what is known of a location with what lies there",
		Long: `Looks at a location anew and tells what the library has otherwise:

  missing  lies there, and the library does not know it
  stale    the library has it, and it is not there
  type, size, mtime, inode, version
           what differs of a file

It reads no file; 'sd verify' does. The status is 1 if something differs and --mend was
not given. NAME may be the location's PATH as well.`,
		Example: "  sd location verify Pictures\n  sd location verify Pictures --mend",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.verifyLocation(ctx, p, args[0], mend)
			})
		},
	}
	cmd.Flags().BoolVar(&mend, "mend", false, "put the library right")
	return cmd
}

// difference is what --json prints of a file that differs.
type difference struct {
	URI    string     `json:"uri"`
	What   index.What `json:"what"`
	Folder bool       `json:"folder,omitempty"`
	Was    *seen      `json:"known,omitempty"` // what the library has
	Is     *seen      `json:"found,omitempty"` // what lies there
}

// seen is a file as one side has it.
type seen struct {
	Size     int64     `json:"size"`
	Modified time.Time `json:"mtime"`
}

func newSeen(f *catalog.File) *seen {
	if f == nil {
		return nil
	}
	return &seen{Size: f.Size, Modified: time.Unix(0, f.ModTime).UTC()}
}

func (a *app) verifyLocation(ctx context.Context, p *places, arg string, mend bool) (err error) {
	loc, err := p.findLocation(ctx, arg)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(a.out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	bar := a.newIndexProgress(loc.Name)
	defer bar.clear()
	show := a.differencePrinter(out, p, loc, bar)
	if a.json {
		array := &jsonArray{w: out}
		defer func() { err = errors.Join(err, array.close()) }()
		show = func(d index.Difference) error {
			return array.add(difference{URI: p.placeURI(loc.Place, d.Path), What: d.What, Folder: d.Folder, Was: newSeen(d.Was), Is: newSeen(d.Is)})
		}
	}
	control := index.Control{Report: func(now index.Progress) { bar.show(now, false) }}
	report, err := index.New(p.indexConfig()).Verify(ctx, loc, mend, control, show)
	bar.clear()
	if err != nil {
		return errors.New(locationFault(loc, err))
	}
	if !a.json {
		text := fmt.Sprintf("%s: %s, %s compared", quote(loc.Name), counted(report.Files, "file"), counted(report.Folders, "folder"))
		if report.Differences == 0 {
			fmt.Fprintf(out, "%s: no difference\n", text)
		} else {
			fmt.Fprintf(out, "%s: %s\n", text, differences(report))
		}
	}
	switch {
	case report.Differences == 0:
		return nil
	case mend:
		if !a.json {
			fmt.Fprintln(out, "the library is put right")
		}
		return nil
	}
	return fmt.Errorf("%s: 'sd location verify %s --mend' puts the library right",
		counted(report.Differences, "difference"), shellWord(loc.Name))
}

// differencePrinter prints differences as the lines of a table.
func (a *app) differencePrinter(out *bufio.Writer, p *places, loc library.Location, bar *indexProgress) func(index.Difference) error {
	row := func(what, known, found, uri string) error {
		_, err := fmt.Fprintf(out, "%-8s  %-34s  %-34s  %s\n", what, known, found, uri)
		return err
	}
	headed := false
	return func(d index.Difference) error {
		if !headed {
			headed = true
			if err := row("WHAT", "KNOWN", "FOUND", "URI"); err != nil {
				return err
			}
		}
		uri := printable(p.placeURI(loc.Place, d.Path))
		if d.Folder {
			uri += "/"
		}
		if bar.terminal { // before it draws again
			bar.clear()
			defer out.Flush()
		}
		return row(string(d.What), seenText(d.Was), seenText(d.Is), uri)
	}
}

func seenText(f *catalog.File) string {
	if f == nil {
		return "-"
	}
	return fmt.Sprintf("%s %s", commas(f.Size), when(time.Unix(0, f.ModTime)))
}

// differences counts them by what they are.
func differences(r index.VerifyReport) string {
	var words []string
	for _, what := range slices.Sorted(maps.Keys(r.By)) {
		words = append(words, fmt.Sprintf("%s %s", commas(r.By[what]), what))
	}
	return strings.Join(words, ", ")
}
