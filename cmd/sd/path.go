package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sd/sdpath"
)

func (a *app) pathCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "path PATH",
		Short: "print the other form of a path",
		Long: `For a URI, prints where the file is in the live mount, or its path relative to a
mountpoint if nothing is mounted. For a path, prints its URI. Nothing is looked up:
the file need not exist.`,
		Example: "  sd path s3://photos/a.jpg      /sd/s3/photos/a.jpg\n  sd path /sd/s3/photos/a.jpg    s3://photos/a.jpg\n  sd path ./report.pdf           local://my-laptop/home/me/report.pdf",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.path(cmd.Context(), args[0])
		},
	}
}

func (a *app) path(ctx context.Context, arg string) error {
	p, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	uri, _, err := p.parsePath(ctx, arg)
	if err != nil {
		return err
	}
	if uri == nil {
		return fmt.Errorf("%s is a folder of the tree above all files, so it has no URI", arg)
	}
	below := shownAt(uri)
	shown := below
	if m := p.mount(ctx); m != nil {
		shown = m.Mountpoint + "/" + below
	}
	if a.json {
		return a.printJSON(map[string]any{"uri": uri.String(), "path": shown, "mount_path": below, "sdpath": uri})
	}
	if !looksLikeURI.MatchString(arg) {
		shown = uri.String()
	}
	_, err = fmt.Fprintln(a.out, shown)
	return err
}

// shownAt is the path of uri below a mountpoint. A last slash means a folder, which is
// shown without.
func shownAt(uri sdpath.Path) string {
	if c, ok := uri.(sdpath.Cloud); ok {
		c.Path = strings.TrimSuffix(c.Path, "/")
		uri = c
	}
	return sdpath.Mount(uri)
}

// mounts are the live mounts of this library.
func (p *places) mounts(ctx context.Context) (list []*mountInfo) {
	for _, m := range liveMounts(ctx) {
		if m.DataDir == p.dataDir && m.Library == p.library.Name() {
			list = append(list, m)
		}
	}
	return list
}

// mount is the live mount of this library: the one at the default place if there are
// several, nil if there is none.
func (p *places) mount(ctx context.Context) (found *mountInfo) {
	byDefault, _ := defaultMountpoint()
	for _, m := range p.mounts(ctx) {
		if found == nil || m.Mountpoint == byDefault {
			found = m
		}
	}
	return found
}

// resolution is what sd resolve prints.
type resolution struct {
	URI      string            `json:"uri"`
	Kind     string            `json:"kind"`
	Device   string            `json:"device,omitempty"`
	Path     string            `json:"path,omitempty"`
	Volume   string            `json:"volume,omitempty"`
	Backend  string            `json:"backend,omitempty"`
	Name     string            `json:"object,omitempty"`
	Settings map[string]string `json:"settings,omitempty"`

	// Of a content.
	Size       int64       `json:"size,omitempty"`
	BLAKE3     string      `json:"blake3,omitempty"`
	Candidates []candidate `json:"candidates,omitempty"` // the best first
}

func (a *app) resolveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "resolve PATH",
		Short: "say what a path resolves to",
		Long: `Says which device, or which volume, backend and object, a PATH means. Of a content it says
what copies there are, the one that is read first at the top, and why. Asks no provider.`,
		Example: "  sd resolve s3://photos/a.jpg\n  sd resolve local://local/etc/hosts\n  sd resolve content://550e8400-e29b-51d4-a716-446655440000",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.resolve(cmd.Context(), args[0])
		},
	}
}

func (a *app) resolve(ctx context.Context, arg string) error {
	p, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	t, err := p.target(ctx, arg)
	if err != nil {
		return err
	}
	if t.uri == nil { // content:// too
		return fmt.Errorf("%s is a folder of the tree above all files, so it resolves to nothing", t)
	}
	r := resolution{URI: t.uri.String()}
	if t.content != nil {
		r.Kind, r.Size, r.BLAKE3 = "content", t.content.is.Size, t.content.is.BLAKE3.String()
		r.Candidates = t.content.candidates()
	} else if file, ok := t.uri.(sdpath.Physical); ok {
		r.Kind, r.Device, r.Path, r.Backend = "physical", file.DeviceSlug, t.local, "local"
		if v, _, err := p.resolver.Resolve(ctx, t.uri); err == nil && v != nil {
			r.Volume = v.Identifier
			r.Settings = map[string]string{"medium": v.Info.Medium}
		}
	} else {
		r.Kind, r.Volume, r.Name = "cloud", t.volume.Info.Name, t.name
		r.Backend, r.Settings = string(t.volume.Service), t.volume.Info.Config
	}
	if a.json {
		return a.printJSON(r)
	}
	for _, line := range [][2]string{{"uri", r.URI}, {"kind", r.Kind}, {"device", r.Device}, {"path", r.Path},
		{"volume", r.Volume}, {"backend", r.Backend}, {"object", r.Name}} {
		if line[1] != "" {
			fmt.Fprintf(a.out, "%-13s %s\n", line[0], printable(line[1]))
		}
	}
	if t.content != nil {
		a.printContent(r)
	}
	for _, key := range sortedKeys(r.Settings) {
		fmt.Fprintf(a.out, "%-13s %s\n", printable(key), printable(r.Settings[key]))
	}
	return nil
}

// printContent prints what there is to say of a content beside its URI.
func (a *app) printContent(r resolution) {
	fmt.Fprintf(a.out, "%-13s %d (%s)\n%-13s %s\n", "size", r.Size, size(r.Size), "blake3", r.BLAKE3)
	if len(r.Candidates) == 0 {
		fmt.Fprintf(a.out, "%-13s %s\n", "copies", "none is known now")
	}
	for i, c := range r.Candidates {
		label := fmt.Sprintf("copy %d", i+1)
		if !c.Usable {
			label = "not usable"
		}
		fmt.Fprintf(a.out, "%-13s %s\n%-13s %s\n", label, printable(orDash(c.URI)), "", printable(c.Why))
	}
}
