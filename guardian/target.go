package guardian

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sd/backends"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// CopiesFolder is the folder of a volume in which planned copies go, if no other is asked for.
const CopiesFolder = "sd-copies"

// Target is a folder that copies can go to.
type Target struct {
	URI  sdpath.Path
	Site *Site
	Free int64 // bytes that may still go there; -1 where the store does not tell
	// Indexed tells whether a location has the folder. If none has, what is copied there
	// never counts as a copy.
	Indexed bool

	place catalog.Place
	path  string
	cost  int // the lower the better
}

// The costs of a target: a disk here, a server, a bucket whose requests and traffic are paid.
const (
	costDisk = iota
	costServer
	costCloud
)

// spareShare is the share of free room that a plan leaves: one part of so many.
const spareShare = 20

func spare(free int64) int64 {
	if free < 0 {
		return -1
	}
	return free - free/spareShare
}

// TargetError says that a folder that was asked for can take no copies now.
type TargetError struct {
	URI sdpath.Path
	Err error
}

func (e *TargetError) Error() string { return fmt.Sprintf("%s can take no copies: %v", e.URI, e.Err) }

// Unwrap returns the reason.
func (e *TargetError) Unwrap() error { return e.Err }

// targets returns where copies can go now, the cheapest first: the folders to, or, if there
// are none, one on each volume that is fit for it.
func (g *Guardian) targets(ctx context.Context, a *atlas, to []sdpath.Path) ([]*Target, error) {
	disks, err := g.resolver.LocalVolumes(ctx)
	if err != nil {
		return nil, err
	}
	var list []*Target
	for _, uri := range to {
		t, err := g.target(ctx, a, disks, uri)
		if err != nil {
			return nil, &TargetError{uri, err}
		}
		list = append(list, t)
	}
	if len(to) == 0 {
		for _, uri := range g.usual(ctx, disks) {
			if t, err := g.target(ctx, a, disks, uri); err == nil {
				list = append(list, t)
			} else if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
	}
	slices.SortStableFunc(list, func(a, b *Target) int {
		if len(to) > 0 {
			return cmp.Compare(a.cost, b.cost) // else in the order asked for
		}
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(b.Free, a.Free), cmp.Compare(a.URI.String(), b.URI.String()))
	})
	return list, g.markIndexed(ctx, list)
}

// usual are the folders that are taken where none is asked for.
func (g *Guardian) usual(ctx context.Context, disks []resolver.LocalVolume) (list []sdpath.Path) {
	slug := g.resolver.ThisDevice().Slug
	for _, d := range disks {
		if forCopies(d) {
			list = append(list, sdpath.NewPhysical(slug, strings.TrimRight(d.MountPoint, "/")+"/"+CopiesFolder))
		}
	}
	volumes, _ := g.resolver.Volumes(ctx, "")
	for _, v := range volumes {
		list = append(list, sdpath.Cloud{Service: v.Service, Identifier: v.Identifier, Path: CopiesFolder})
	}
	return list
}

// forCopies tells whether a file system looks as if it were there to keep files on: a drive
// that was plugged in, a server's, or one that hangs where such things hang.
func forCopies(d resolver.LocalVolume) bool {
	switch d.Kind {
	case resolver.KindExternal, resolver.KindNetwork:
		return true
	case resolver.KindSystem:
		for _, dir := range []string{"/mnt", "/media", "/run/media", "/srv", "/data", "/Volumes"} {
			if within(d.MountPoint, dir) {
				return true
			}
		}
	}
	return false
}

func (g *Guardian) target(ctx context.Context, a *atlas, disks []resolver.LocalVolume, uri sdpath.Path) (*Target, error) {
	place, path, err := g.resolver.Placed(uri)
	if err != nil {
		return nil, err
	}
	t := &Target{URI: uri, place: place, path: path, Site: a.site(place, join(path, "x"))}
	v, _, err := g.resolver.Resolve(ctx, uri)
	switch {
	case err != nil:
		return nil, err
	case v == nil:
		return nil, errors.New("it is not known what file system it is on")
	case v.Backend != nil:
		t.cost = costCloud
		t.Free, err = room(ctx, v.Backend)
		return t, err
	}
	if t.Site.Device != a.names[place] {
		t.cost = costServer
	}
	i := slices.IndexFunc(disks, func(d resolver.LocalVolume) bool { return d.Fingerprint == v.Fingerprint })
	switch {
	case !t.Site.Lasting():
		return nil, errors.New("it lies in memory, which a restart empties")
	case i < 0:
		return nil, errors.New("its file system holds no files of users")
	case !disks[i].Online:
		return nil, fmt.Errorf("its file system does not answer: %w", backends.ErrOffline)
	case disks[i].ReadOnly:
		return nil, errors.New("its file system is read-only")
	}
	t.Free = spare(disks[i].Free)
	return t, nil
}

// room asks a store whether it takes files, and how many bytes.
func room(ctx context.Context, b backends.Backend) (int64, error) {
	if _, ok := b.(backends.Putter); !ok {
		return 0, errors.New("its store cannot be written to")
	}
	if h, ok := b.(backends.HealthReporter); ok {
		if health := h.Health(); !health.Online && !health.Since.IsZero() {
			return 0, backends.ErrOffline
		}
	}
	if m, ok := b.(backends.Meter); ok {
		if _, free, err := m.Usage(ctx); err == nil {
			return spare(free), nil
		}
	}
	if _, err := b.Stat(ctx, ""); err != nil { // nobody has asked it yet, perhaps
		return 0, err
	}
	return -1, nil
}

func (g *Guardian) markIndexed(ctx context.Context, list []*Target) error {
	locations, err := g.library.Locations(ctx)
	for _, t := range list {
		for _, l := range locations {
			t.Indexed = t.Indexed || Scope{l.Place, l.Path}.Holds(t.place, t.path)
		}
	}
	return err
}
