package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"

	"github.com/spf13/cobra"

	"sd/actions/stores"
	"sd/sdpath"
)

// duOptions are the flags of sd du.
type duOptions struct {
	human, sum, all, total, blocks bool
	depth                          int // -1: no limit
}

func (a *app) duCommand() *cobra.Command {
	opts := duOptions{depth: -1}
	cmd := &cobra.Command{
		Use:   "du [PATH]...",
		Short: "tell how much folders hold",
		Long: `Adds up the files of each folder below the PATHs (default: the working directory), here
or in a volume, and prints bytes, number of files and name; a folder with all that is in
it. Sizes are the lengths of the files, so that a folder and its copy in a bucket come out
the same; --blocks counts what local files take on their disk. A local file with several
names counts once. Of a volume only listings are asked for: one request a thousand files.

A folder that cannot be read is told and left out, and the exit status is 1.`,
		Example: "  sd du -s -h s3://photos\n  sd du -d 1 -h ~ s3://backup/home\n  sd du --json s3://photos/2024",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			switch {
			case opts.sum && cmd.Flags().Changed("max-depth"):
				return usagef("give only one of --summarize and --max-depth: -s is -d 0")
			case opts.sum && opts.all:
				return usagef("give only one of --summarize and --all")
			case opts.depth < -1:
				return usagef("--max-depth is negative")
			case opts.sum:
				opts.depth = 0
			}
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.du(ctx, p, args, opts)
			})
		},
	}
	flags := cmd.Flags()
	flags.Bool("help", false, "help for du") // -h is taken
	flags.BoolVarP(&opts.human, "human-readable", "h", false, "sizes for people: 1.2 GiB")
	flags.BoolVarP(&opts.sum, "summarize", "s", false, "only one line for each PATH")
	flags.BoolVarP(&opts.all, "all", "a", false, "files, too")
	flags.BoolVarP(&opts.total, "total", "c", false, "add up all PATHs")
	flags.BoolVar(&opts.blocks, "blocks", false, "what local files take on their disk, not their length")
	flags.IntVarP(&opts.depth, "max-depth", "d", -1, "only folders so far below a PATH; -1 is all")
	return cmd
}

// duRow is one line of sd du.
type duRow struct {
	URI     string `json:"uri,omitempty"`
	Kind    string `json:"kind"` // "folder", "file", "link", "special", or "total"
	Bytes   int64  `json:"bytes"`
	Files   int64  `json:"files"`
	Folders int64  `json:"folders"` // below it

	name string // as the user would write it
}

func (r *duRow) add(o *duRow) {
	r.Bytes += o.Bytes
	r.Files += o.Files
	r.Folders += o.Folders
}

func (a *app) du(ctx context.Context, p *places, args []string, opts duOptions) (err error) {
	out := bufio.NewWriter(a.out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	show := func(r *duRow) error {
		bytes := fmt.Sprint(r.Bytes)
		if opts.human {
			bytes = size(r.Bytes)
		}
		_, err := fmt.Fprintf(out, "%14s  %10s  %s\n", bytes, commas(r.Files), printable(r.name))
		return err
	}
	if a.json {
		array := &jsonArray{w: out}
		defer func() { err = errors.Join(err, array.close()) }()
		show = func(r *duRow) error { return array.add(r) }
	}
	total := duRow{Kind: "total", name: "total"}
	set := stores.New(p.library, p.resolver, stores.Hooks{})
	defer func() { err = errors.Join(err, set.Close()) }()
	c := &duCounter{opts: opts, show: show, seen: map[[2]uint64]struct{}{}}
	var failures []error
	for _, arg := range args {
		sum, err := c.count(ctx, p, set, arg)
		total.add(&sum)
		if err != nil {
			failures = append(failures, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if opts.total {
		failures = append(failures, show(&total))
	}
	return errors.Join(failures...)
}

// duCounter adds up what lies below folders.
type duCounter struct {
	opts duOptions
	show func(*duRow) error
	seen map[[2]uint64]struct{} // local files with several names, by device and inode

	open []duRow // the folders that the walk is in, the outermost first
	rels []string
}

// count shows what lies at arg, and returns it.
func (c *duCounter) count(ctx context.Context, p *places, set *stores.Set, arg string) (duRow, error) {
	t, err := p.target(ctx, arg)
	if err != nil {
		return duRow{}, err
	}
	if t.uri == nil {
		return duRow{}, fmt.Errorf("%s: name a file or folder of a device or volume below it", arg)
	}
	st, name, err := set.Of(ctx, t.uri)
	if err != nil {
		return duRow{}, err
	}
	name = strings.TrimSuffix(name, "/")
	if t.local != "" {
		name = t.local
	}
	var top stores.Entry
	if name == "" {
		top.Kind = stores.Dir
	} else if top, err = st.Stat(ctx, name); err != nil {
		return duRow{}, t.explain(err)
	}
	if top.Kind != stores.Dir && !(t.volume != nil && (t.folder || t.asDir)) {
		row := c.row(st, &top, arg)
		return row, c.show(&row)
	}
	base := strings.TrimSuffix(arg, "/")
	c.open, c.rels = append(c.open[:0], duRow{Kind: "folder", name: arg, URI: st.URI(name).String()}), append(c.rels[:0], "")
	var problems []error
	err = st.Walk(ctx, name, stores.WalkOptions{Problem: func(dir string, err error) error {
		switch {
		case errors.Is(err, stores.ErrForeign):
		case dir == name:
			return err // of which there is nothing to tell
		default:
			problems = append(problems, fmt.Errorf("%s: %w", printable(st.URI(dir).String()), bare(err)))
		}
		return nil
	}}, func(e *stores.Entry) error {
		rel := st.Rel(name, e.Name)
		if err := c.leave(rel); err != nil {
			return err
		}
		row := c.row(st, e, base+"/"+rel)
		if e.Kind == stores.Dir {
			c.open, c.rels = append(c.open, row), append(c.rels, rel+"/")
			return nil
		}
		c.open[len(c.open)-1].add(&row)
		if c.opts.all && (c.opts.depth < 0 || len(c.open) <= c.opts.depth) {
			return c.show(&row)
		}
		return nil
	})
	if errors.Is(err, iofs.ErrNotExist) || err != nil && ctx.Err() == nil {
		return duRow{}, errors.Join(append(problems, t.explain(err))...)
	}
	if err != nil {
		return duRow{}, err
	}
	err = c.leave("")
	for err == nil && len(c.open) > 1 {
		err = c.close()
	}
	sum := c.open[0]
	return sum, errors.Join(append(problems, err, c.show(&sum))...)
}

// row describes e by itself.
func (c *duCounter) row(st stores.Store, e *stores.Entry, name string) duRow {
	r := duRow{Kind: kindName(e.Kind), name: name, URI: st.URI(e.Name).String()}
	switch {
	case e.Kind == stores.Dir:
		if cloud, ok := st.URI(e.Name).(sdpath.Cloud); ok {
			cloud.Path += "/"
			r.URI = cloud.String()
		}
		return r
	case e.Kind == stores.Special:
		r.Kind = "special"
	}
	r.Files = 1
	if e.Links > 1 {
		id := [2]uint64{e.Dev, e.Inode}
		if _, again := c.seen[id]; again {
			return r
		}
		c.seen[id] = struct{}{}
	}
	r.Bytes = e.Size
	if c.opts.blocks && e.Inode != 0 {
		r.Bytes = e.Blocks * 512
	}
	return r
}

// leave closes the folders that rel is not in.
func (c *duCounter) leave(rel string) error {
	for len(c.open) > 1 && !strings.HasPrefix(rel, c.rels[len(c.rels)-1]) {
		if err := c.close(); err != nil {
			return err
		}
	}
	return nil
}

// close shows the innermost folder and adds it to the one around it.
func (c *duCounter) close() error {
	last := len(c.open) - 1
	row := c.open[last]
	c.open, c.rels = c.open[:last], c.rels[:last]
	depth := last
	row.Folders++
	c.open[last-1].add(&row)
	row.Folders--
	if c.opts.depth >= 0 && depth > c.opts.depth {
		return nil
	}
	return c.show(&row)
}
