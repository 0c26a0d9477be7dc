package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/actions/trash"
	"sd/resolver"
	"sd/sdpath"
)

func (a *app) trashCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "trash",
		Short: "show and empty the trash of volumes",
		Long: `What 'sd rm' and syncs remove from a volume lies below .sd-trash/ in it, and takes room there
until the trash is emptied. Volumes that keep versions have no such trash, but a lifecycle
rule for old versions. Local files are in the trash of the desktop, which empties it.`,
	})
	cmd.AddCommand(a.trashListCommand(), a.trashEmptyCommand())
	return cmd
}

func (a *app) trashListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list [VOLUME...]",
		Short: "tell what is in the trash, by the job that put it there",
		Long: `Lists what lies in the trash of the VOLUMEs (default: all), by the job that put it there.
'sd job undo JOB' brings it back.`,
		Example: "  sd trash list\n  sd trash list s3://photos --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error { return a.listTrash(ctx, p, args) })
		},
	}
}

func (a *app) trashEmptyCommand() *cobra.Command {
	var (
		f     actionFlags
		older span
	)
	cmd := &cobra.Command{
		Use:   "empty [VOLUME...]",
		Short: "remove for good what is in the trash",
		Long: `Removes for good what lies in the trash of the VOLUMEs (default: all), whoever put it there;
with --older only what was put there by jobs that long ago. It is a job, like 'sd rm
--permanent'.

Exit status: 0 all is removed, 1 something is not, 2 wrong usage.`,
		Example: "  sd trash empty --older 30d --yes\n  sd trash empty s3://photos --preview",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.emptyTrash(ctx, p, args, time.Duration(older), f)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().Var(&older, "older", "only what has been there for so long: 36h, 30d, 8w (default: all)")
	return cmd
}

// trashRow is what one job has put into the trash of a volume.
type trashRow struct {
	URI   string    `json:"uri"` // of the folder that it lies in
	Job   int64     `json:"job,omitempty"`
	Title string    `json:"title,omitempty"`
	Files int64     `json:"files"`
	Bytes int64     `json:"bytes"`
	Since time.Time `json:"since"` // of the last one

	folder bool
}

// binned is the trash of one volume.
type binned struct {
	volume *resolver.Volume
	rows   []trashRow // in the order of time
}

func (a *app) listTrash(ctx context.Context, p *places, args []string) error {
	bins, failed := p.trash(ctx, args)
	rows := []trashRow{}
	cells := [][]string{{"SINCE", "JOB", "FILES", "SIZE", "WHAT", "WHERE"}}
	for _, b := range bins {
		for _, r := range b.rows {
			rows = append(rows, r)
			job := "-"
			if r.Job != 0 {
				job = strconv.FormatInt(r.Job, 10)
			}
			cells = append(cells, []string{when(r.Since), job, commas(r.Files), size(r.Bytes), orDash(r.Title), r.URI})
		}
	}
	switch {
	case a.json:
		return errors.Join(a.printJSON(rows), failed)
	case len(rows) > 0:
		return errors.Join(a.table(cells), failed)
	case failed == nil:
		fmt.Fprintln(a.errOut, "the trash of the volumes is empty; local files are in that of the desktop")
	}
	return failed
}

func (a *app) emptyTrash(ctx context.Context, p *places, args []string, older time.Duration, f actionFlags) error {
	bins, failed := p.trash(ctx, args)
	if failed != nil {
		return failed // all or nothing, as with other removals
	}
	spec := steps.Spec{Action: steps.Remove, Who: p.who()}
	spec.Options.Permanent, spec.Options.Recursive = true, true
	before := time.Now().Add(-older)
	for _, b := range bins {
		for _, r := range b.rows {
			if older == 0 || r.Since.Before(before) {
				spec.Sources = append(spec.Sources, steps.Source{URI: r.URI, Slash: r.folder})
			}
		}
	}
	if len(spec.Sources) > 0 {
		return a.act(ctx, p, spec, f)
	}
	if a.json {
		return a.printJSON(actedRow{Spec: spec})
	}
	fmt.Fprintln(a.errOut, "nothing to do: nothing like that is in the trash")
	return nil
}

// trash lists what is in the trash of the volumes that the arguments name, or of all. The error
// tells of volumes that could not be listed.
func (p *places) trash(ctx context.Context, args []string) (bins []binned, err error) {
	volumes, err := p.volumesOf(ctx, args)
	if err != nil {
		return nil, err
	}
	info, err := p.library.Info(ctx)
	if err != nil {
		return nil, err
	}
	set := stores.New(p.library, p.resolver, stores.Hooks{})
	defer func() { err = errors.Join(err, set.Close()) }()
	var failures []error
	for _, v := range volumes {
		b := binned{volume: v}
		if b.rows, err = p.trashOf(ctx, set, v, trash.Owner(info.ID)); err != nil {
			failures = append(failures, target{arg: uri(v), volume: v}.explain(err))
			continue
		}
		bins = append(bins, b)
	}
	return bins, errors.Join(failures...)
}

// volumesOf are the volumes that the arguments name, once each; without arguments all.
func (p *places) volumesOf(ctx context.Context, args []string) (list []*resolver.Volume, err error) {
	if len(args) == 0 {
		return p.resolver.Volumes(ctx, "")
	}
	for _, arg := range args {
		t, err := p.target(ctx, arg)
		if err != nil {
			return nil, err
		}
		if t.volume == nil || t.name != "" {
			return nil, usagef("%s is no volume: name one, such as s3://photos ('sd volume list' shows them)", arg)
		}
		if !slices.ContainsFunc(list, func(v *resolver.Volume) bool { return v.Fingerprint == t.volume.Fingerprint }) {
			list = append(list, t.volume)
		}
	}
	return list, nil
}

// trashOf lists the trash of a volume. Owner begins the names of what this library has put there.
func (p *places) trashOf(ctx context.Context, set *stores.Set, v *resolver.Volume, owner string) (rows []trashRow, err error) {
	root := sdpath.Cloud{Service: v.Service, Identifier: v.Identifier}
	st, _, err := set.Of(ctx, root)
	if err != nil {
		return nil, err
	}
	err = st.Walk(ctx, trash.Folder, stores.WalkOptions{}, func(e *stores.Entry) error {
		if e.Kind == stores.Dir {
			return nil
		}
		group, _, folder := strings.Cut(st.Rel(trash.Folder, e.Name), "/")
		at := root
		at.Path = trash.Folder + "/" + group
		if n := len(rows); n == 0 || rows[n-1].URI != at.String() {
			rows = append(rows, trashRow{URI: at.String(), folder: folder})
			if id, ok := strings.CutPrefix(group, owner); ok {
				rows[n].Job, _ = strconv.ParseInt(id, 10, 64)
			}
		}
		r := &rows[len(rows)-1]
		r.Files++
		r.Bytes += e.Size
		if e.ModTime.After(r.Since) {
			r.Since = e.ModTime
		}
		return nil
	})
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return nil, err
	}
	for i := range rows {
		if rows[i].Job == 0 {
			continue
		}
		if audit, err := p.library.JobAudit(ctx, rows[i].Job); err == nil {
			rows[i].Title = audit.Title
		}
	}
	slices.SortStableFunc(rows, func(x, y trashRow) int { return cmp.Or(x.Since.Compare(y.Since), cmp.Compare(x.Job, y.Job)) })
	return rows, nil
}
