package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/guardian"
)

func (a *app) guardianProtectCommand() *cobra.Command {
	var to []string
	var f actionFlags
	limit := defaultLimit
	cmd := &cobra.Command{
		Use:   "protect [PATH]...",
		Short: "make the copies that are missing",
		Long: `Makes the copies that would fulfil the policies for the files below the PATHs (default: all
locations): as few as do, on the cheapest volumes that are there and have room. --to names
the folders that they may go to; without it they go to a folder ` + guardian.CopiesFolder + ` on drives, file
servers and buckets. It prints them first, and asks; --yes agrees, and without it nothing is
done where nobody can be asked. Every copy is read back and compared with its file.

Below its target a copy has the whole path of its file, so that no two meet. What is copied
counts only if the target lies in a location.`,
		Example: "  sd guardian protect ~/Photos --to s3://backup/laptop\n  sd guardian protect --yes\n  sd guardian protect --json --dry-run",
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return usagef("--limit is negative")
			}
			if err := f.check(); err != nil {
				return err
			}
			if a.json && !cmd.Flags().Changed("limit") {
				limit = 0
			}
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.protect(ctx, p, args, to, limit, f)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().Var(&f.bwlimit, "bwlimit", "so many bytes a second at most, to and from services (10M)")
	cmd.Flags().IntVar(&f.transfers, "transfers", 0, "so many files at a time (default: as the stores take it)")
	cmd.Flags().StringArrayVar(&to, "to", nil, "a folder that copies may go to; may be repeated")
	cmd.Flags().IntVar(&limit, "limit", limit, "show so many copies; 0 is all, as with --json")
	return cmd
}

// stepRow is one planned copy as it is printed.
type stepRow struct {
	Content string `json:"content_id"`
	Size    int64  `json:"size"`
	From    string `json:"from"`
	To      string `json:"to"`
	Policy  string `json:"policy"`
	Command string `json:"command"`
}

// shortRow is a content that stays short of its policy.
type shortRow struct {
	Content string `json:"content_id"`
	Size    int64  `json:"size"`
	URI     string `json:"uri"`
	Policy  string `json:"policy"`
	Why     string `json:"why"`
}

type targetRow struct {
	URI     string `json:"uri"`
	Medium  string `json:"medium"`
	Indexed bool   `json:"indexed"`
	guardian.Tally
}

func (a *app) protect(ctx context.Context, p *places, args, to []string, limit int, f actionFlags) (err error) {
	var q guardian.ProtectQuery
	if q.Under, err = a.scopes(ctx, p, args); err != nil {
		return err
	}
	for _, arg := range to {
		at, err := p.scope(ctx, arg)
		if err != nil {
			return err
		}
		uri, err := p.resolver.URI(at.Place, at.Path)
		if err != nil {
			return err
		}
		q.To = append(q.To, uri)
	}
	out := bufio.NewWriter(a.out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	object := &jsonObject{w: out}
	spec := steps.Spec{Action: steps.Protect, Who: p.who()}
	if spec.Sources, err = p.scopeSources(q.Under); err != nil {
		return err
	}
	if len(q.To) == 1 {
		spec.Target.URI = q.To[0].String()
	}
	f.verify = true
	f.apply(&spec.Options)
	planned, shorts := 0, []shortRow{}
	var totals guardian.ProtectTotals
	fill := func(ctx context.Context, w *steps.Writer, set *stores.Set) (steps.Summary, []steps.StoreRef, error) {
		c := newProtection(p, set, w)
		totals, err = guardian.New(p.library, p.resolver).Protect(ctx, q, func(s guardian.Step) error {
			if err := c.add(ctx, &s); err != nil {
				return err
			}
			if planned++; limit > 0 && planned > limit {
				return nil
			}
			return a.showProtection(p, out, object, &s)
		}, func(s guardian.Shortfall) error {
			if limit == 0 || len(shorts) < limit {
				shorts = append(shorts, shortRow{s.Content.ID().String(), s.Content.Size, p.placeURI(s.Name.Place, s.Name.Path), guardian.Describe(s.Policy), s.Why})
			}
			return nil
		})
		if err == nil {
			err = c.flush(ctx)
		}
		c.space(totals.Targets)
		return c.sum, c.refs, err
	}
	var targets []targetRow
	row, err := a.actPlanned(ctx, p, spec, f, fill, func(s *steps.Summary) error {
		targets = make([]targetRow, len(totals.Targets))
		for i, t := range totals.Targets {
			targets[i] = targetRow{t.URI.String(), t.Site.Medium, t.Indexed, t.Tally}
		}
		if !a.json && limit > 0 && planned > limit {
			fmt.Fprintf(out, "and %s; --limit 0 shows all\n", plural(int64(planned-limit), "more copy", "more copies"))
		}
		if !a.json {
			printProtect(out, totals, targets, shorts)
			printUnindexed(out, s)
		}
		return out.Flush()
	})
	if !a.json || err != nil && !row.Acted {
		return err
	}
	return errors.Join(err, object.end("copies", row.members(map[string]any{
		"short": shorts, "targets": targets, "there": row.Plan.Same, "in_the_way": append([]steps.Conflict{}, row.Plan.ConflictList...),
		"totals": map[string]any{"contents": totals.Contents, "copies": totals.Copies, "bytes": totals.Bytes, "short": totals.Short, "unidentified": totals.Unidentified},
	})))
}

// showProtection prints a copy that is to be made.
func (a *app) showProtection(p *places, out *bufio.Writer, object *jsonObject, s *guardian.Step) error {
	from, to := p.placeURI(s.From.Place, s.From.Path), s.To.String()
	row := stepRow{Content: s.Content.ID().String(), Size: s.Content.Size, From: from, To: to, Policy: guardian.Describe(s.Policy),
		Command: "sd cp " + shellWord(from) + " " + shellWord(to)}
	if a.json {
		return object.element("copies", row)
	}
	_, err := fmt.Fprintln(out, printableCommand(row.Command))
	return err
}

// printUnindexed tells of what lies where copies are to go, and is not in the index.
func printUnindexed(out *bufio.Writer, s *steps.Summary) {
	if s.Same.Files > 0 {
		fmt.Fprintf(out, "%s there already, and not indexed\n", plural(s.Same.Files, "copy is", "copies are"))
	}
	printConflicts(out, s.ConflictList, s.Conflicts, "in the way")
}

func printProtect(out *bufio.Writer, totals guardian.ProtectTotals, targets []targetRow, shorts []shortRow) {
	if totals.Copies > 0 {
		fmt.Fprintln(out)
	}
	for _, t := range targets {
		if t.Files == 0 {
			continue
		}
		fmt.Fprintf(out, "%s: %s, %s\n", printable(t.URI), plural(t.Files, "copy", "copies"), size(t.Bytes))
		if !t.Indexed {
			fmt.Fprintf(out, "  it lies in no location: only after 'sd location add %s' do copies there count\n", printable(shellWord(t.URI)))
		}
	}
	printSome(out, shorts, func(s shortRow) { fmt.Fprintf(out, "cannot protect %s (%s): %s\n", printable(s.URI), s.Policy, s.Why) })
	switch {
	case totals.Copies == 0 && totals.Short.Files == 0:
		fmt.Fprintln(out, "every file that is identified has the copies that its policy asks for")
	case totals.Copies == 0:
		fmt.Fprintf(out, "%s short of copies, and there is nowhere to make them: name a folder with --to, or plug in a drive\n", counted(totals.Short.Files, "content"))
	default:
		fmt.Fprintf(out, "%s of %s, %s in all\n", plural(totals.Copies, "copy", "copies"), counted(totals.Contents, "content"), size(totals.Bytes))
	}
	if totals.Unidentified.Files > 0 {
		fmt.Fprintf(out, "not planned for: %s (%s) whose content is not known yet; %s\n",
			counted(totals.Unidentified.Files, "file"), size(totals.Unidentified.Bytes), howToIdentify)
	}
}
