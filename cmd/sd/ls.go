package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"sd/backends"
	"sd/sdpath"
)

// A listing is one line of sd ls. Name is relative to what was asked for.
type listing struct {
	Name     string     `json:"name"`
	URI      string     `json:"uri,omitempty"`
	Kind     string     `json:"kind"`
	Size     int64      `json:"size"`
	Modified *time.Time `json:"modified,omitempty"`
	Version  string     `json:"version,omitempty"`
}

func (a *app) lsCommand() *cobra.Command {
	var long, recursive bool
	cmd := &cobra.Command{
		Use:   "ls [PATH]...",
		Short: "list a folder",
		Long: `Lists a folder, here (the default is the working directory) or in a volume. No mount
is needed. A folder's name ends in a slash; with -l the columns are kind, size in bytes,
time of change and name. Names that no file system can hold are shown escaped, with
"%%" in front, as in a mount; the URIs of --json have them raw. content:// lists
everything that was identified, each content once.`,
		Example: "  sd ls s3://photos/2024\n  sd ls -l -R ~/Documents\n  sd ls --json local://jamies-macbook/Users",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			return a.ls(cmd.Context(), args, long, recursive)
		},
	}
	cmd.Flags().BoolVarP(&long, "long", "l", false, "with kind, size and time")
	cmd.Flags().BoolVarP(&recursive, "recursive", "R", false, "with everything below")
	return cmd
}

func (a *app) ls(ctx context.Context, args []string, long, recursive bool) (err error) {
	p, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer p.Close()

	out := bufio.NewWriter(a.out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	show := func(l listing) error { return printListing(out, l, long) }
	if a.json {
		array := &jsonArray{w: out}
		defer func() { err = errors.Join(err, array.close()) }()
		show = func(l listing) error { return array.add(l) }
	}
	var failures []error
	for i, arg := range args {
		if len(args) > 1 && !a.json {
			if i > 0 {
				fmt.Fprintln(out)
			}
			fmt.Fprintf(out, "%s:\n", printable(arg))
		}
		t, err := p.target(ctx, arg)
		if err == nil {
			err = t.explain(t.list(ctx, recursive, show))
		}
		if err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

func printListing(out *bufio.Writer, l listing, long bool) error {
	name := printable(l.Name)
	if l.Kind == "folder" {
		name += "/"
	}
	if long {
		bytes, modified := fmt.Sprint(l.Size), time.Time{}
		if l.Kind == "folder" {
			bytes = "-"
		}
		if l.Modified != nil {
			modified = *l.Modified
		}
		_, err := fmt.Fprintf(out, "%-6s %14s  %-19s  %s\n", l.Kind, bytes, when(modified), name)
		return err
	}
	_, err := fmt.Fprintln(out, name)
	return err
}

// list shows what is in t, or t itself if it is a file.
func (t target) list(ctx context.Context, recursive bool, show func(listing) error) error {
	switch {
	case t.content != nil:
		return t.content.list(ctx, t.resolver, show)
	case t.local != "":
		return t.listLocal(ctx, recursive, show)
	case recursive:
		return t.walkVolume(ctx, show)
	}
	found := false
	err := t.listFolder(ctx, t.name, func(s shownEntry) error {
		found = true
		return show(t.shown(s))
	})
	if found || err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, backends.ErrNotDir) {
		return err
	}
	return t.listItself(ctx, show)
}

// listItself is for a name that has nothing below it: a file, an empty folder, or nothing.
func (t target) listItself(ctx context.Context, show func(listing) error) error {
	e, err := t.stat(ctx)
	if err != nil || e.Kind == backends.Dir {
		return err
	}
	return show(t.listing(lastShown(t.name), t.name, e))
}

// stat describes t. Where a file has the same name as a folder, a last slash means
// the folder.
func (t target) stat(ctx context.Context) (backends.Entry, error) {
	if d, ok := t.volume.Backend.(backends.DirStater); ok && t.asDir {
		return d.StatDir(ctx, t.name)
	}
	e, err := t.volume.Backend.Stat(ctx, t.name)
	if err != nil || !t.folder || e.Kind == backends.Dir {
		return e, err
	}
	enough := errors.New("one is enough")
	err = t.volume.Backend.List(ctx, t.name, func([]backends.Entry) error { return enough })
	if !errors.Is(err, enough) {
		return e, errors.Join(err, fs.ErrNotExist)
	}
	return backends.Entry{Name: t.name, Kind: backends.Dir}, nil
}

func (t target) listing(name, whole string, e backends.Entry) listing {
	l := listing{Name: name, Kind: kindName(e.Kind), Size: e.Size, Version: e.Version}
	if c, ok := t.uri.(sdpath.Cloud); ok {
		c.Path = whole
		if e.Kind == backends.Dir && whole != "" {
			c.Path += "/" // so that it lists itself, whatever it is called
		}
		l.URI = c.String()
	}
	if !e.ModTime.IsZero() {
		l.Modified = &e.ModTime
	}
	return l
}

func kindName(k backends.Kind) string {
	switch k {
	case backends.Dir:
		return "folder"
	case backends.Symlink:
		return "link"
	}
	return "file"
}

func (t target) listLocal(ctx context.Context, recursive bool, show func(listing) error) error {
	info, err := os.Stat(t.local)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return show(t.localListing(filepath.Base(t.local), t.local, info))
	}
	var failures []error
	err = filepath.WalkDir(t.local+string(filepath.Separator), func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(t.local, name)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case rel == ".":
			return err
		case err != nil:
			failures = append(failures, err)
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone since the folder was read
		}
		if err != nil {
			failures = append(failures, err)
			return nil
		}
		if err := show(t.localListing(rel, name, info)); err != nil {
			return err
		}
		if d.IsDir() && !recursive {
			return filepath.SkipDir
		}
		return nil
	})
	return errors.Join(append(failures, err)...)
}

func (t target) localListing(rel, name string, info fs.FileInfo) listing {
	modified := info.ModTime()
	l := listing{Name: rel, Kind: localKind(info.Mode()), Size: info.Size(), Modified: &modified}
	if file, ok := t.uri.(sdpath.Physical); ok {
		l.URI = sdpath.NewPhysical(file.DeviceSlug, filepath.ToSlash(name)).String()
	}
	return l
}

func localKind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "folder"
	case m&fs.ModeSymlink != 0:
		return "link"
	case m.IsRegular():
		return "file"
	}
	return "special"
}
