package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"sd/backends"
	"sd/library/catalog"
	"sd/sdpath"
)

// description is what sd stat prints of one file.
type description struct {
	listing
	Volume    string            `json:"volume,omitempty"`
	Path      string            `json:"path,omitempty"`
	Mode      string            `json:"mode,omitempty"`
	UID       *uint32           `json:"uid,omitempty"`
	GID       *uint32           `json:"gid,omitempty"`
	Link      string            `json:"link,omitempty"` // what a symbolic link names
	Checksums map[string]string `json:"checksums,omitempty"`
	// ContentID and Locations are of what was identified: its name everywhere, and all proven
	// copies.
	ContentID string   `json:"content_id,omitempty"`
	Locations []string `json:"locations,omitempty"`
}

func (a *app) statCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stat PATH...",
		Short: "describe files",
		Long: `Describes each file: what its store tells of it, and what it carries where that is
known, such as its mode, its owner and its BLAKE3.`,
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
				d, err := p.describe(cmd.Context(), t)
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

func (p *places) describe(ctx context.Context, t target) (description, error) {
	if t.content != nil {
		if t.content.all {
			return description{listing: listing{Name: contentRoot, Kind: "folder"}}, nil
		}
		return t.content.describe(), nil
	}
	if t.local != "" {
		info, err := os.Lstat(t.local)
		if err != nil {
			return description{}, err
		}
		d := description{listing: t.localListing(filepath.Base(t.local), t.local, info), Path: t.local, Mode: info.Mode().String()}
		d.Link, _ = os.Readlink(t.local)
		return d, p.identified(ctx, t, &d, localVersion(info))
	}
	e, err := t.stat(ctx)
	if err != nil {
		return description{}, err
	}
	p.recall(ctx, t, &e)
	d := description{listing: t.listing(lastShown(t.name), t.name, e), Volume: t.volume.Info.Name}
	if e.Kind != backends.Dir {
		d.Checksums = make(map[string]string, len(e.Sums))
		for _, s := range e.Sums {
			d.Checksums[s.Algorithm] = s.Hex
		}
	}
	if e.Meta != nil {
		d.carries(e)
	}
	if e.Kind != backends.File {
		return d, nil
	}
	return d, p.identified(ctx, t, &d, func(f *catalog.File) bool { return f.Version == e.Version && f.Size == e.Size })
}

// recall adds what mounts have learned of e and its store does not tell.
func (p *places) recall(ctx context.Context, t target, e *backends.Entry) {
	segments := sdpath.SplitKey(t.name)
	if len(segments) == 0 {
		return
	}
	name := segments[len(segments)-1]
	// Not knowing it is no failure.
	_ = p.library.EachFact(ctx, t.volume.Fingerprint, joinKey(segments[:len(segments)-1]), name, name, func(_, version string, data []byte) {
		var fact struct{ Meta backends.Meta }
		if version == e.Version && json.Unmarshal(data, &fact) == nil {
			e.Meta = &fact.Meta
		}
	})
}

// carries adds what e carries.
func (d *description) carries(e backends.Entry) {
	m := e.Meta
	if !m.ModTime.IsZero() {
		d.Modified = &m.ModTime
	}
	if m.Mode != 0 {
		mode := fs.FileMode(m.Mode & 0o777)
		for bit, shown := range map[uint32]fs.FileMode{syscall.S_ISUID: fs.ModeSetuid, syscall.S_ISGID: fs.ModeSetgid, syscall.S_ISVTX: fs.ModeSticky} {
			if m.Mode&bit != 0 {
				mode |= shown
			}
		}
		switch e.Kind {
		case backends.Dir:
			mode |= fs.ModeDir
		case backends.Symlink:
			mode |= fs.ModeSymlink
		}
		d.Mode = mode.String()
	}
	d.UID, d.GID, d.Link = m.UID, m.GID, m.LinkTarget
	if m.BLAKE3 != "" && d.Checksums != nil {
		d.Checksums["blake3"] = m.BLAKE3
	}
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
	line("link to", d.Link)
	line("mode", d.Mode)
	if d.UID != nil {
		line("owner", fmt.Sprint(*d.UID))
	}
	if d.GID != nil {
		line("group", fmt.Sprint(*d.GID))
	}
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
	line("content", d.ContentID)
	for _, uri := range d.Locations {
		line("copy", uri)
	}
}
