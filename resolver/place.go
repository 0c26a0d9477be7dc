package resolver

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/uuid"

	"sd/library/catalog"
	"sd/sdpath"
)

// URI returns the SdPath of what the catalog has at path below place. The device need not be
// here, nor the service online: it reads memory only. Unknown places are
// *DeviceNotFoundError and *VolumeNotFoundError: what the catalog has there cannot be reached
// by any name, until they are in the library again.
func (r *Resolver) URI(place catalog.Place, path string) (sdpath.Path, error) {
	p, err := r.state.Load().uri(place, path)
	if err == nil {
		return p, nil
	}
	// Another process may have added it. Looking costs some microseconds.
	if failed := r.Reload(context.Background()); failed != nil {
		return nil, failed
	}
	return r.state.Load().uri(place, path)
}

func (st *state) uri(place catalog.Place, path string) (sdpath.Path, error) {
	if name, ok := strings.CutPrefix(string(place), devicePrefix); ok {
		d, ok := st.named[name]
		if !ok {
			return nil, &DeviceNotFoundError{Slug: name, Known: st.slugs()}
		}
		if runtime.GOOS == "windows" && path != "" {
			return sdpath.NewPhysical(d.Slug, path), nil
		}
		return sdpath.Physical{DeviceSlug: d.Slug, Path: "/" + path}, nil
	}
	if fingerprint, ok := strings.CutPrefix(string(place), volumePrefix); ok {
		e := st.byFingerprint[fingerprint]
		if e == nil {
			return nil, &VolumeNotFoundError{Identifier: fingerprint, Removed: true}
		}
		return sdpath.Cloud{Service: e.info.Service, Identifier: e.ident, Path: path}, nil
	}
	return nil, fmt.Errorf("the catalog has a place %q that this version of sd does not know: update sd", place)
}

// How a Place begins.
var (
	devicePrefix = strings.TrimSuffix(string(catalog.DevicePlace(uuid.Nil)), uuid.Nil.String())
	volumePrefix = string(catalog.VolumePlace(""))
)

// Placed is the inverse of URI: where the catalog would have p. The path has no slash in
// front, unless a key has, and none behind, which in a key only says that a folder is meant.
// A Content is at no place. Errors are those of Resolve; nothing is opened.
func (r *Resolver) Placed(p sdpath.Path) (catalog.Place, string, error) {
	switch p := p.(type) {
	case sdpath.Physical:
		d, err := r.Device(p.DeviceSlug)
		if err != nil {
			if err := r.Reload(context.Background()); err != nil {
				return "", "", err
			}
			if d, err = r.Device(p.DeviceSlug); err != nil {
				return "", "", err
			}
		}
		return catalog.DevicePlace(d.ID), strings.Trim(filepath.ToSlash(localPath(p.Path)), "/"), nil
	case sdpath.Cloud:
		e := r.state.Load().cloud(p.Service, p.Identifier)
		if e == nil {
			if err := r.Reload(context.Background()); err != nil {
				return "", "", err
			}
			if e = r.state.Load().cloud(p.Service, p.Identifier); e == nil {
				return "", "", &VolumeNotFoundError{Service: p.Service, Identifier: p.Identifier}
			}
		}
		return catalog.VolumePlace(e.info.Fingerprint), strings.TrimSuffix(p.Path, "/"), nil
	case sdpath.Content:
		return "", "", fmt.Errorf("%s is at no place: it is wherever a copy of its bytes lies", p)
	}
	return "", "", fmt.Errorf("a %T is at no place", p)
}

func (st *state) slugs() []string {
	known := make([]string, len(st.devices))
	for i, d := range st.devices {
		known[i] = d.Slug
	}
	return known
}
