package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"time"

	"github.com/spf13/cobra"

	"sd/guardian"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// manyNames is how many names of one thing a text shows; JSON has all.
const manyNames = 20

// howToIdentify is the next step for files whose content is not known.
const howToIdentify = "'sd location rescan NAME --mode content' reads those here, --mode deep also those in volumes"

// defaultLimit is how many groups are shown if the user does not say.
const defaultLimit = 100

type duplicateOptions struct {
	minSize           byteSize
	limit             int
	probable, resolve bool
	keep              string
	actionFlags
}

func (a *app) duplicatesCommand() *cobra.Command {
	opts := duplicateOptions{keep: string(guardian.KeepOldest)}
	cmd := &cobra.Command{
		Use:   "duplicates [PATH]...",
		Short: "find files that hold the same bytes",
		Long: `Lists the files below the PATHs (default: all locations) that were proven to hold the
same bytes, those first that take most room. Hard links of one file are one copy. Files
that only may be equal, since they have the same fingerprint or checksum and were not read
yet, are never counted; --probable lists them instead.

With --resolve it prints which copies stay and which go, and asks; --yes agrees, and without
it nothing is done where nobody can be asked. What goes is put in the trash, under all its
names, and 'sd job undo' brings it back; --permanent removes for good. Just before a copy goes
it is looked at again, and so is the one that stays. The rules for --keep:

  oldest, newest   by the file's time of change (the default is oldest)
  shortest-path    the shortest path
  first            the first by device and path
  in:PATH          one that lies in PATH; where none does, all stay

A plan counts only on files that are on their disk as they were identified, always leaves a
copy, and heeds 'sd guardian policy': also the default of 2 copies on different devices.`,
		Example: `  sd duplicates ~/Pictures --min-size 1M
  sd duplicates --resolve --keep in:~/Archive
  sd duplicates ~/Pictures --resolve --yes
  sd guardian policy set ~/Downloads --copies 1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case opts.limit < 0:
				return usagef("--limit is negative")
			case opts.probable && opts.resolve:
				return usagef("give only one of --probable and --resolve: what is not proven is never removed")
			}
			for _, flag := range []string{"keep", "preview", "dry-run", "yes", "permanent"} {
				if cmd.Flags().Changed(flag) && !opts.resolve {
					return usagef("--%s goes with --resolve", flag)
				}
			}
			if opts.resolve && !cmd.Flags().Changed("limit") {
				opts.limit = 0
			}
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.duplicates(ctx, p, args, opts)
			})
		},
	}
	flags := cmd.Flags()
	flags.Var(&opts.minSize, "min-size", "leave out smaller files")
	flags.IntVar(&opts.limit, "limit", defaultLimit, "show so many groups; 0 is all, which is also the default of --resolve")
	flags.BoolVar(&opts.probable, "probable", false, "show what may be duplicates")
	flags.BoolVar(&opts.resolve, "resolve", false, "remove copies, once they were shown")
	opts.add(cmd)
	opts.addPermanent(cmd)
	flags.StringVar(&opts.keep, "keep", opts.keep, "which copy stays: oldest, newest, shortest-path, first or in:PATH")
	return cmd
}

func (a *app) duplicates(ctx context.Context, p *places, args []string, opts duplicateOptions) error {
	rule, in, err := guardian.ParseRule(opts.keep)
	if err != nil {
		return usagef("%v", err)
	}
	keep := guardian.Keep{Rule: rule}
	if rule == guardian.KeepIn {
		if keep.In, err = p.scope(ctx, in); err != nil {
			return err
		}
	}
	q := guardian.DuplicateQuery{MinSize: int64(opts.minSize), Limit: opts.limit}
	if q.Under, err = a.scopes(ctx, p, args); err != nil {
		return err
	}
	g := guardian.New(p.library, p.resolver)
	switch {
	case opts.resolve:
		return a.resolveDuplicates(ctx, p, g, q, keep, opts.actionFlags)
	case opts.probable:
		return a.listProbable(ctx, p, g, q)
	}
	return a.listDuplicates(ctx, p, g, q)
}

// scope is the part of the catalog at a PATH, which need not be reachable now.
func (p *places) scope(ctx context.Context, arg string) (guardian.Scope, error) {
	place, path, err := p.placed(ctx, arg)
	if errors.As(err, new(*resolver.DeviceOfflineError)) {
		var uri sdpath.Path
		if uri, _, err = p.parsePath(ctx, arg); err == nil {
			place, path, err = p.resolver.Placed(uri)
		}
	}
	return guardian.Scope{Place: place, Path: path}, err
}

// scopes are the parts of the catalog at PATHs of which it has something; none is all of it. It
// says so where that is nothing.
func (a *app) scopes(ctx context.Context, p *places, args []string) (list []guardian.Scope, err error) {
	if len(args) == 0 {
		if all, err := p.library.Locations(ctx); err == nil && len(all) == 0 {
			fmt.Fprintln(a.errOut, "there is no location yet, so nothing is known of any file: 'sd location add PATH' makes one")
		}
	}
	for _, arg := range args {
		s, err := p.scope(ctx, arg)
		if err == nil {
			err = p.needIndexed(ctx, arg, s)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// needIndexed refuses a PATH of which the catalog has nothing and is to have nothing.
func (p *places) needIndexed(ctx context.Context, arg string, s guardian.Scope) error {
	if known, err := p.isIndexed(ctx, s); known || err != nil {
		return err
	}
	list, err := p.library.Locations(ctx)
	if err != nil {
		return err
	}
	for _, loc := range list {
		if s.Holds(loc.Place, loc.Path) {
			return nil // not scanned yet
		}
		if loc.Holds(s.Place, s.Path) {
			return fmt.Errorf("%s is not indexed: it is not there, location %s leaves it out, or 'sd location rescan %s' finds it",
				printable(arg), quote(loc.Name), shellWord(loc.Name))
		}
	}
	return fmt.Errorf("%s is not indexed: 'sd location add' takes in a folder with all below it", printable(arg))
}

// isIndexed tells whether the catalog has the file or folder at s.
func (p *places) isIndexed(ctx context.Context, s guardian.Scope) (bool, error) {
	_, err := p.library.Catalog().FindFolder(ctx, s.Place, s.Path)
	if errors.Is(err, iofs.ErrNotExist) {
		_, _, err = p.library.Catalog().FindFile(ctx, s.Place, s.Path)
	}
	if errors.Is(err, iofs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// copyRow is a copy as it is printed.
type copyRow struct {
	URI      string    `json:"uri"`
	Links    []string  `json:"links,omitempty"` // other names of the same file
	Device   string    `json:"device,omitempty"`
	Medium   string    `json:"medium,omitempty"`
	Modified time.Time `json:"modified"`
	Why      string    `json:"why,omitempty"`
}

func (p *places) copyRow(i guardian.Instance, why string) copyRow {
	first := i.Names[0]
	r := copyRow{URI: p.placeURI(first.Place, first.Path), Device: i.Site.Device, Medium: i.Site.Medium, Modified: time.Unix(0, first.File.ModTime).UTC(), Why: why}
	for _, n := range i.Names[1:] {
		r.Links = append(r.Links, p.placeURI(n.Place, n.Path))
	}
	return r
}

func (p *places) copyRows(list []guardian.Instance) []copyRow {
	rows := make([]copyRow, len(list))
	for i, c := range list {
		rows[i] = p.copyRow(c, "")
	}
	return rows
}

func (p *places) nameRows(list []catalog.Copy) []string {
	rows := make([]string, len(list))
	for i, c := range list {
		rows[i] = p.placeURI(c.Place, c.Path)
	}
	return rows
}

// groupRow is a group of duplicates as it is printed.
type groupRow struct {
	Content     string    `json:"content_id"`
	BLAKE3      string    `json:"blake3"`
	Size        int64     `json:"size"`
	Reclaimable int64     `json:"reclaimable"`
	Copies      []copyRow `json:"copies"`
	Elsewhere   int       `json:"elsewhere,omitempty"`
	Unproven    []string  `json:"unproven,omitempty"`
}

func (a *app) listDuplicates(ctx context.Context, p *places, g *guardian.Guardian, q guardian.DuplicateQuery) (err error) {
	out := bufio.NewWriter(a.out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	object := &jsonObject{w: out}
	shown := int64(0)
	totals, err := g.Duplicates(ctx, q, func(d guardian.Group) error {
		shown++
		row := groupRow{
			Content: d.Content.ID().String(), BLAKE3: d.Content.BLAKE3.String(), Size: d.Content.Size, Reclaimable: d.Reclaimable,
			Copies: p.copyRows(d.Copies), Elsewhere: d.Elsewhere, Unproven: p.nameRows(d.Unproven),
		}
		if a.json {
			return object.element("groups", row)
		}
		printGroup(out, row)
		return nil
	})
	if err != nil {
		return err
	}
	probable := q
	probable.Limit = -1
	maybe, err := g.Probable(ctx, probable, nil)
	if err != nil {
		return err
	}
	unread, err := p.library.Catalog().Count(ctx, 0)
	if err != nil {
		return err
	}
	if a.json {
		return object.end("groups", map[string]any{
			"totals":       map[string]int64{"groups": totals.Groups, "copies": totals.Copies, "reclaimable": totals.Reclaimable},
			"probable":     map[string]int64{"groups": maybe.Groups, "files": maybe.Files, "bytes": maybe.Bytes},
			"unidentified": map[string]int64{"files": unread.Unproven, "bytes": unread.UnprovenBytes},
		})
	}
	if totals.Groups == 0 {
		fmt.Fprintln(out, "no duplicates")
	} else {
		fmt.Fprintf(out, "%s with %s: %s reclaimable\n", counted(totals.Groups, "group"), plural(totals.Copies, "copy", "copies"), size(totals.Reclaimable))
	}
	if shown < totals.Groups {
		fmt.Fprintf(out, "%s of them shown; --limit 0 shows all\n", commas(shown))
	}
	if maybe.Groups > 0 {
		fmt.Fprintf(out, "not counted: %s that may be equal (at most %s more); 'sd duplicates --probable' shows them\n", counted(maybe.Files, "file"), size(maybe.Bytes))
	}
	if unread.Unproven > 0 {
		fmt.Fprintf(out, "not compared: %s (%s) in the library whose content is not known yet; %s\n", counted(unread.Unproven, "file"), size(unread.UnprovenBytes), howToIdentify)
	}
	return nil
}

func printGroup(out *bufio.Writer, row groupRow) {
	fmt.Fprintf(out, "%s of %s, %s reclaimable: content://%s\n", plural(int64(len(row.Copies)), "copy", "copies"), size(row.Size), size(row.Reclaimable), row.Content)
	printSome(out, row.Copies, func(c copyRow) { printCopy(out, "  ", c) })
	if row.Elsewhere > 0 {
		fmt.Fprintf(out, "  and %s elsewhere in the library\n", plural(int64(row.Elsewhere), "copy", "copies"))
	}
	printSome(out, row.Unproven, func(name string) { fmt.Fprintf(out, "  (not proven: %s)\n", printable(name)) })
	fmt.Fprintln(out)
}

func printCopy(out *bufio.Writer, indent string, c copyRow) {
	fmt.Fprint(out, indent, printable(c.URI))
	if c.Why != "" {
		fmt.Fprintf(out, "  (%s)", printable(c.Why))
	}
	fmt.Fprintln(out)
	printSome(out, c.Links, func(name string) { fmt.Fprintf(out, "%s  = %s\n", indent, printable(name)) })
}

// printSome prints the first of a list that may be long.
func printSome[T any](out *bufio.Writer, list []T, show func(T)) {
	for i, item := range list {
		if i == manyNames {
			fmt.Fprintf(out, "  … and %d more; --json has all\n", len(list)-i)
			return
		}
		show(item)
	}
}

// probableRow is a group of probable duplicates as it is printed.
type probableRow struct {
	Size  int64    `json:"size"`
	Bytes int64    `json:"bytes"`
	Files []string `json:"files"`
}

func (a *app) listProbable(ctx context.Context, p *places, g *guardian.Guardian, q guardian.DuplicateQuery) (err error) {
	out := bufio.NewWriter(a.out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	object := &jsonObject{w: out}
	totals, err := g.Probable(ctx, q, func(d guardian.ProbableGroup) error {
		row := probableRow{Size: d.Size, Bytes: d.Bytes, Files: p.nameRows(d.Files)}
		if a.json {
			return object.element("probable", row)
		}
		fmt.Fprintf(out, "%s of %s may be equal:\n", counted(int64(len(row.Files)), "file"), size(row.Size))
		printSome(out, row.Files, func(name string) { fmt.Fprintf(out, "  %s\n", printable(name)) })
		fmt.Fprintln(out)
		return nil
	})
	if err != nil {
		return err
	}
	if a.json {
		return object.end("probable", map[string]any{
			"totals": map[string]int64{"groups": totals.Groups, "files": totals.Files, "bytes": totals.Bytes},
		})
	}
	if totals.Groups == 0 {
		fmt.Fprintln(out, "no probable duplicates")
		return nil
	}
	fmt.Fprintf(out, "%s with %s: at most %s reclaimable, once reading has proven it; %s\n",
		counted(totals.Groups, "group"), counted(totals.Files, "file"), size(totals.Bytes), howToIdentify)
	return nil
}
