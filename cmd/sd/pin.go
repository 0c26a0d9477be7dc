package main

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"sd/actions/compare"
	"sd/actions/syncs"
	"sd/library"
	"sd/sdpath"
)

func (a *app) pinCommand() *cobra.Command {
	var list bool
	cmd := &cobra.Command{
		Use:   "pin PATH...",
		Short: "keep files here that a selective sync would leave in the store only",
		Long: `Has 'sd sync --mode selective' keep the files at PATH here, a folder with all below it,
however old they are, and bring them back if they are only in the store. PATH is what it is
called on either side of the sync, and may be a pattern in quotes ('~/Video/2024/**').
Nothing is moved before the next sync.`,
		Example: `  sd pin ~/Video/wedding
  sd pin 's3://media/video/*/best/**'
  sd pin --list`,
		Args: func(cmd *cobra.Command, list []string) error {
			if show, _ := cmd.Flags().GetBool("list"); show {
				return args(0, 0)(cmd, list)
			}
			return args(1, -1)(cmd, list)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				if list {
					return a.listPins(ctx, p)
				}
				return p.eachPin(ctx, args, p.library.AddPin)
			})
		},
	}
	cmd.Flags().BoolVarP(&list, "list", "l", false, "show what is pinned")
	return cmd
}

func (a *app) unpinCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "unpin PATH...",
		Short: "forget a pin",
		Long: `Forgets pins, by the PATH with which they were made ('sd pin --list'). Nothing is removed
before the next selective sync.`,
		Example: `  sd unpin ~/Video/wedding`,
		Args:    args(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return p.eachPin(ctx, args, func(ctx context.Context, pin library.Pin) error {
					err := p.library.RemovePin(ctx, pin)
					if errors.Is(err, iofs.ErrNotExist) {
						return fmt.Errorf("%s is not pinned by itself: 'sd pin --list' shows what is", p.placeURI(pin.Place, pin.Path))
					}
					return err
				})
			})
		},
	}
}

// eachPin does something with each pin that the arguments mean.
func (p *places) eachPin(ctx context.Context, args []string, fn func(context.Context, library.Pin) error) error {
	for _, arg := range args {
		pin, err := p.pinOf(ctx, arg)
		if err == nil {
			err = fn(ctx, pin)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pinOf is the pin of a PATH. What looks like a pattern and is the name of a file is that file.
func (p *places) pinOf(ctx context.Context, arg string) (library.Pin, error) {
	uri, local, err := p.parsePath(ctx, arg)
	if err != nil {
		return library.Pin{}, err
	}
	if uri == nil {
		return library.Pin{}, fmt.Errorf("%s is a folder of the tree above all files: name a folder below it", arg)
	}
	pin := library.Pin{Glob: compare.HasMeta(arg)}
	if pin.Glob && local != "" {
		if _, err := os.Lstat(local); err == nil {
			pin.Glob = false
		}
	}
	if at, ok := uri.(sdpath.Physical); ok && at.DeviceSlug == p.resolver.ThisDevice().Slug { // a sync knows its folders without links
		at.Path = syncs.RealPath(at.Path)
		uri = at
	}
	if pin.Place, pin.Path, err = p.resolver.Placed(uri); err != nil {
		return library.Pin{}, err
	}
	if pin.Glob {
		if _, err := compare.NewFilter([]string{"/" + pin.Path}, nil); err != nil {
			return library.Pin{}, usagef("%s is no pattern: put a \\ before each of the signs []{}*? that stands for itself", quote(arg))
		}
	}
	return pin, nil
}

// pinRow is a pin as it is printed.
type pinRow struct {
	URI     string    `json:"uri"`
	Pattern bool      `json:"pattern"`
	Created time.Time `json:"created"`
}

func (a *app) listPins(ctx context.Context, p *places) error {
	pins, err := p.library.Pins(ctx)
	if err != nil {
		return err
	}
	list := make([]pinRow, len(pins))
	for i, pin := range pins {
		list[i] = pinRow{URI: p.placeURI(pin.Place, pin.Path), Pattern: pin.Glob, Created: pin.Created}
	}
	if a.json {
		return a.printJSON(list)
	}
	if len(list) == 0 {
		fmt.Fprintln(a.out, "nothing is pinned; 'sd pin PATH' keeps files here in a selective sync")
		return nil
	}
	for _, row := range list {
		fmt.Fprintln(a.out, printable(row.URI))
	}
	return nil
}
