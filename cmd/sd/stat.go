package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"

	"sd/backends"
)

// description is what sd stat prints of one file.
type description struct {
	listing
	Volume    string            `json:"volume,omitempty"`
	Path      string            `json:"path,omitempty"`
	Mode      string            `json:"mode,omitempty"`
	Checksums map[string]string `json:"checksums,omitempty"`
}

func (a *app) statCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "stat PATH...",
		Short:   "describe files",
		Example: "  sd stat s3://photos/a.jpg\n  sd stat --json /sd/s3/photos/a.jpg",
		Args:    args(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			defer p.Close()
			all := make([]description, 0, len(args))
			for _, arg := range args {
				t, err := p.target(cmd.Context(), arg)
				if err != nil {
					return err
				}
				d, err := t.describe(cmd.Context())
				if err != nil {
					return t.explain(err)
				}
				all = append(all, d)
			}
			if a.json {
				return a.printJSON(all)
			}
			for i, d := range all {
				if i > 0 {
					fmt.Fprintln(a.out)
				}
				a.printDescription(d)
			}
			return nil
		},
	}
}

func (t target) describe(ctx context.Context) (description, error) {
	if t.local != "" {
		info, err := os.Lstat(t.local)
		if err != nil {
			return description{}, err
		}
		l := t.localListing(filepath.Base(t.local), t.local, info)
		return description{listing: l, Path: t.local, Mode: info.Mode().String()}, nil
	}
	e, err := t.stat(ctx)
	if err != nil {
		return description{}, err
	}
	d := description{listing: t.listing(path.Base("/"+t.name), t.name, e), Volume: t.volume.Info.Name}
	if e.Kind != backends.Dir {
		d.Checksums = make(map[string]string, len(e.Sums))
		for _, s := range e.Sums {
			d.Checksums[s.Algorithm] = s.Hex
		}
	}
	return d, nil
}

func (a *app) printDescription(d description) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(a.out, "%-9s %s\n", name, printable(value))
		}
	}
	line("uri", d.URI)
	line("path", d.Path)
	line("volume", d.Volume)
	line("kind", d.Kind)
	line("mode", d.Mode)
	if d.Kind != "folder" {
		line("size", fmt.Sprintf("%d (%s)", d.Size, size(d.Size)))
	}
	if d.Modified != nil {
		line("modified", when(*d.Modified))
	}
	line("version", d.Version)
	for _, algorithm := range sortedKeys(d.Checksums) {
		line(algorithm, d.Checksums[algorithm])
	}
}
