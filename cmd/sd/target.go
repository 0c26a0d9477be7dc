package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"sd/backends"
	"sd/resolver"
	"sd/sdpath"
)

// A target is what a PATH argument means. Exactly one of local, volume and content is set.
type target struct {
	arg string
	uri sdpath.Path // nil for a folder of the tree that is no file's place, such as /sd/s3

	local string // a path that this machine can open

	volume *resolver.Volume
	name   string // in the volume, without a last slash; "" is its root
	folder bool   // the user wrote a last slash, so a file is not meant
	asDir  bool   // where there are a file and a folder of that name, the folder is meant

	content  *content
	resolver *resolver.Resolver
}

// String is what messages call the target: what the user called it.
func (t target) String() string { return t.arg }

// looksLikeURI leaves ./a://b and /a://b to be files.
var looksLikeURI = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// parsePath tells what arg names, without looking at it: a URI, a path in a live mount,
// or a local path. The SdPath is nil, and the local path set, for a folder of a mount
// above all files; local is also set for every local path.
func (p *places) parsePath(ctx context.Context, arg string) (uri sdpath.Path, local string, err error) {
	if arg == "" {
		return nil, "", usagef("an empty PATH names nothing")
	}
	if looksLikeURI.MatchString(arg) {
		uri, err := sdpath.Parse(arg)
		if err != nil {
			return nil, "", &usageError{err.Error()}
		}
		return p.ownName(uri), "", nil
	}
	if arg == "~" || strings.HasPrefix(arg, "~/") {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, "", err
		}
		arg = filepath.Join(home, arg[1:])
	}
	local, err = filepath.Abs(arg)
	if err != nil {
		return nil, "", err
	}
	m, rel := mountOver(ctx, local)
	if m == nil {
		// A symbolic link may lead into a mount.
		if real, err := filepath.EvalSymlinks(local); err == nil && real != local {
			if m, rel = mountOver(ctx, real); m != nil {
				local = real
			}
		}
	}
	if m == nil {
		return sdpath.NewPhysical(p.resolver.ThisDevice().Slug, filepath.ToSlash(local)), local, nil
	}
	if below, ok := strings.CutPrefix(rel, "search/"); ok && strings.Contains(below, "/") {
		if real, err := filepath.EvalSymlinks(local); err == nil && real != local {
			return p.parsePath(ctx, real) // what was found is meant
		}
	}
	if rel == "content" || rel == "search" || strings.HasPrefix(rel, "search/") {
		return nil, local, nil
	}
	uri, err = sdpath.ParseMount(rel)
	if errors.Is(err, sdpath.ErrLong) {
		uri, err = askMount(local, err)
	}
	var empty *sdpath.EmptyIdentifierError
	if rel == "" || errors.As(err, &empty) {
		return nil, local, nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", arg, err)
	}
	return p.ownName(uri), "", nil
}

// askMount asks the mount what it shows at path, where the path does not tell.
func askMount(path string, unknown error) (sdpath.Path, error) {
	text := make([]byte, 4096)
	n, err := unix.Getxattr(path, "user.sd.uri", text)
	if err != nil {
		return nil, unknown
	}
	return sdpath.Parse(string(text[:n]))
}

// ownName replaces a device's UUID, and "local", by its slug. An unknown device stays
// as it is: a name may be converted without knowing what it names.
func (p *places) ownName(uri sdpath.Path) sdpath.Path {
	if file, ok := uri.(sdpath.Physical); ok {
		if d, err := p.resolver.Device(file.DeviceSlug); err == nil {
			file.DeviceSlug = d.Slug
			return file
		}
	}
	return uri
}

// target finds what can be opened under arg's name.
func (p *places) target(ctx context.Context, arg string) (target, error) {
	if strings.EqualFold(arg, contentRoot) {
		return target{arg: arg, content: &content{catalog: p.resolver.Catalog(), all: true}, resolver: p.resolver}, nil
	}
	uri, local, err := p.parsePath(ctx, arg)
	if err != nil {
		return target{}, err
	}
	t := target{arg: arg, uri: uri, local: local, resolver: p.resolver}
	if id, ok := uri.(sdpath.Content); ok {
		t.content, err = p.findContent(ctx, id)
		return t, err
	}
	if local != "" {
		return t, nil
	}
	volume, name, err := p.resolver.Resolve(ctx, uri)
	if _, ok := uri.(sdpath.Physical); ok {
		t.local = name
	} else {
		t.volume = volume
		t.name, t.folder = strings.CutSuffix(name, "/")
		t.asDir = !looksLikeURI.MatchString(arg) && !isTwin(arg) // as the mount shows it
	}
	return t, err
}

// explain puts a failure of target in words that say what to do.
func (t target) explain(err error) error {
	volume := ""
	if t.volume != nil {
		volume = t.volume.Info.Name
	}
	switch {
	case err == nil:
		return nil
	case expired(t.volume):
		return fmt.Errorf("%s: %w", t, &expiredError{volume, err})
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no such file or folder", t)
	case errors.Is(err, backends.ErrIsDir):
		return fmt.Errorf("%s is a folder; 'sd ls' lists it", t)
	case errors.Is(err, backends.ErrOffline) && volume != "":
		return fmt.Errorf("%s: %w; see 'sd volume test %s'", t, bare(err), shellWord(volume))
	}
	return fmt.Errorf("%s: %w", t, bare(err))
}

// bare is err without the operation and name that a PathError puts before it.
func bare(err error) error {
	if e, ok := err.(*fs.PathError); ok {
		return e.Err
	}
	return err
}
