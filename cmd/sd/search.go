package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sd/index/search"
	"sd/library"
	"sd/library/catalog"
	"sd/sdpath"
)

type searchOptions struct {
	kinds, exts, in   []string
	size              sizeRange
	modified          timeRange
	limit             int
	long, null, paths bool
}

func (a *app) searchCommand() *cobra.Command {
	opts := searchOptions{limit: search.DefaultLimit}
	cmd := &cobra.Command{
		Use:   "search [QUERY]...",
		Short: "find files and folders by name, kind, size and time",
		Long: `Finds files and folders of the library's locations and prints their URIs, the best
first. All words of the QUERY must match, in any case:

  report           names with that in them; a folder above will do as well
  "annual report"  a phrase, with its blank
  *.mp4            patterns with *, ? and [a-z] fit the whole name
  2024/*.jpg       with a slash, the end of the path; ** stands for any number of folders

The flags narrow that down; with one of them no QUERY is needed. Kinds are
` + wrapped(catalog.Kinds()) + `.
Sizes: ">10M", "<=4k", "1M..2G". Times: "7d" (the last seven days), "today", "2024", "2024-06",
"2024-01..2024-06", ">2024-01-01", "..30d" (older than that).`,
		Example: `  sd search '*.mp4' --size '>1G'
  sd search rome --kind image --modified 2023..2024
  sd search --ext pdf,epub --in ~/Documents -l
  sd search invoice -0 --paths | xargs -0 ls -l`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.search(ctx, p, strings.Join(args, " "), opts)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&opts.kinds, "kind", nil, "only files of this kind; may be repeated")
	flags.StringSliceVar(&opts.exts, "ext", nil, "only names that end so, as in pdf; may be repeated")
	flags.Var(&opts.size, "size", "only files of this size")
	flags.Var(&opts.modified, "modified", "only what was changed then")
	flags.StringArrayVar(&opts.in, "in", nil, "only in or below this PATH; may be repeated")
	flags.IntVar(&opts.limit, "limit", opts.limit, "how many to print, the best; 0: all, in no order")
	flags.BoolVarP(&opts.long, "long", "l", false, "with kind, size and time")
	flags.BoolVarP(&opts.null, "null", "0", false, "end each with a zero byte, and change no byte of a name")
	flags.BoolVar(&opts.paths, "paths", false, "print paths in the live mount instead of URIs")
	return cmd
}

// wrapped lists words in lines of a help text.
func wrapped(words []string) string {
	var text strings.Builder
	width := 0
	for i, w := range words {
		if i < len(words)-1 {
			w += ","
		}
		switch {
		case width == 0:
		case width+1+len(w) > 84:
			text.WriteByte('\n')
			width = 0
		default:
			text.WriteByte(' ')
			width++
		}
		text.WriteString(w)
		width += len(w)
	}
	return text.String()
}

func (a *app) search(ctx context.Context, p *places, text string, opts searchOptions) error {
	q, err := p.query(ctx, text, opts)
	if err != nil {
		return err
	}
	q.Content = a.json
	out, err := a.newHitPrinter(ctx, p, opts)
	if err != nil {
		return err
	}
	s, err := search.Open(p.library, p.resolver)
	if err != nil {
		return err
	}
	defer s.Close()
	stats, err := s.Search(ctx, q, out.show)
	if err = errors.Join(err, out.end()); err != nil {
		wrong := new(search.QueryError)
		if errors.As(err, &wrong) {
			return usagef("%v", err)
		}
		return err
	}
	switch {
	case out.printed == 0:
		return a.sayNoMatch(ctx, p)
	case q.Limit > 0 && stats.Matches > int64(q.Limit) && !a.json:
		fmt.Fprintf(a.errOut, "%s of %s matches; --limit prints more\n", commas(int64(q.Limit)), commas(stats.Matches))
	}
	return nil
}

// sayNoMatch says that nothing was found, and where that may come from.
func (a *app) sayNoMatch(ctx context.Context, p *places) error {
	list, err := p.library.Locations(ctx)
	if err == nil && len(list) == 0 {
		fmt.Fprintln(a.errOut, "no match: there is no location yet, 'sd location add PATH' makes one")
		return nil
	}
	fmt.Fprintln(a.errOut, "no match")
	return err
}

// query makes a query of the command line.
func (p *places) query(ctx context.Context, text string, opts searchOptions) (search.Query, error) {
	q := search.Query{
		Text: text, MinSize: opts.size.min, MaxSize: opts.size.max,
		After: opts.modified.after, Before: opts.modified.before, Limit: opts.limit,
	}
	if opts.limit < 0 {
		return q, usagef("--limit must be 0 (all) or more")
	}
	for _, name := range opts.kinds {
		kind, err := catalog.ParseKind(name)
		if err != nil {
			return q, usagef("--kind: %v", err)
		}
		q.Kinds = append(q.Kinds, kind)
	}
	for _, ext := range opts.exts {
		if strings.Trim(ext, ".") == "" || strings.ContainsRune(ext, '/') {
			return q, usagef("--ext: %s is no extension: want one such as pdf or tar.gz", quote(ext))
		}
		q.Exts = append(q.Exts, ext)
	}
	narrowed := len(q.Kinds)+len(q.Exts)+len(opts.in) > 0 || opts.size.text != "" || opts.modified.text != ""
	if strings.TrimSpace(text) == "" && !narrowed {
		return q, usagef("missing: QUERY, or a flag such as --kind")
	}
	locations, err := p.library.Locations(ctx)
	if err != nil {
		return q, err
	}
	for _, arg := range opts.in {
		uri, err := p.searchable(ctx, arg, locations)
		if err != nil {
			return q, err
		}
		q.In = append(q.In, uri)
	}
	return q, nil
}

// searchable is the PATH to search below. It must lie in a location, or have one in it.
func (p *places) searchable(ctx context.Context, arg string, locations []library.Location) (sdpath.Path, error) {
	place, name, err := p.placed(ctx, arg)
	if err != nil {
		return nil, err
	}
	here := library.Location{Place: place, Path: name}
	for _, loc := range locations {
		if loc.Holds(place, name) || here.Holds(loc.Place, loc.Path) {
			return p.resolver.URI(place, name)
		}
	}
	return nil, fmt.Errorf("%s lies in no location (%s): 'sd location add %s' makes it one", arg, known(locations), shellWord(arg))
}
