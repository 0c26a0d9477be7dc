package stores

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"sd/actions/steps"
	"sd/backends"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// Volume is a bucket, a container or a drive. Names are keys; those of folders have no slash
// at the end.
type Volume struct {
	set     *Set
	volume  *resolver.Volume
	backend backends.Backend
}

var _ Store = (*Volume)(nil)

// Backend returns the store itself. Who changes something there tells Set.Learned, or
// Volume.Gone, and calls Settle first.
func (v *Volume) Backend() backends.Backend { return v.backend }

func (v *Volume) place() catalog.Place { return catalog.VolumePlace(v.volume.Fingerprint) }

// Info returns what the library knows of the volume.
func (v *Volume) Info() *resolver.Volume { return v.volume }

// Key is the volume's fingerprint.
func (v *Volume) Key() string { return v.volume.Fingerprint }

// Ref names the volume by its fingerprint.
func (v *Volume) Ref() steps.StoreRef {
	return steps.StoreRef{Kind: "volume", URI: v.URI("").String(), Fingerprint: v.volume.Fingerprint}
}

// URI returns the SdPath of a key.
func (v *Volume) URI(name string) sdpath.Path {
	return sdpath.Cloud{Service: v.volume.Service, Identifier: v.volume.Identifier, Path: name}
}

// Settle has a mount upload what it has of a file, or of all files below a folder, before
// that is read, replaced or removed. It blocks until then.
func (v *Volume) Settle(ctx context.Context, name string) error {
	if v.set.hooks.Settle == nil {
		return nil
	}
	return v.set.hooks.Settle(ctx, v.volume.Fingerprint, name)
}

// Stat describes name. It is one request, and what it tells is remembered.
func (v *Volume) Stat(ctx context.Context, name string) (Entry, error) {
	if err := v.Settle(ctx, name); err != nil {
		return Entry{}, err
	}
	is, err := v.backend.Stat(ctx, name)
	if err != nil {
		return Entry{}, err
	}
	return v.told(ctx, name, &is), nil
}

// StatDir describes the folder of that name, also where there is a file beside it.
func (v *Volume) StatDir(ctx context.Context, name string) (Entry, error) {
	d, ok := v.backend.(backends.DirStater)
	if !ok {
		return v.Stat(ctx, name)
	}
	is, err := d.StatDir(ctx, name)
	if err != nil {
		return Entry{}, err
	}
	return v.told(ctx, name, &is), nil
}

// told describes what the backend tells when it is asked for one object. What is remembered of
// that version goes before what the object carries: a mount may know of later changes.
func (v *Volume) told(ctx context.Context, name string, is *backends.Entry) Entry {
	is.Name = name
	if is.Kind == Dir {
		return v.Entry(is)
	}
	dir, base := splitKey(name)
	if f, ok := v.fact(ctx, dir, base, is.Version); ok {
		is.Meta = &f.Meta
	} else {
		if is.Meta == nil {
			is.Meta = &backends.Meta{} // it carries nothing
		}
		v.remember(dir, base, is.Version, fact{Meta: *is.Meta})
	}
	return v.Entry(is)
}

// ask finds out what the object that e tells of carries. One that has changed stays as it is.
func (v *Volume) ask(ctx context.Context, e *Entry) error {
	is, err := v.backend.Stat(ctx, e.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if now := v.told(ctx, e.Name, &is); now.Version == e.Version {
		*e = now
	}
	return nil
}

// Entry describes what the backend tells of the object with the whole name in e.
func (v *Volume) Entry(is *backends.Entry) Entry {
	e := Entry{
		Name: is.Name, Kind: is.Kind, Size: is.Size, ModTime: is.ModTime, Version: is.Version, Sums: is.Sums, Class: is.Class,
	}
	if is.Kind == Dir {
		e.Version, e.Size, e.Bare = "", 0, is.ModTime.IsZero()
	}
	e.carry(is.Meta)
	return e
}

// carry takes over what an object carries.
func (e *Entry) carry(m *backends.Meta) {
	if m == nil {
		return
	}
	e.Meta = m
	if !m.ModTime.IsZero() {
		e.ModTime, e.TimeKnown = m.ModTime, true
	}
	if m.Mode != 0 {
		e.Mode, e.HasMode = m.Mode, true
	}
	if m.UID != nil && m.GID != nil {
		e.UID, e.GID, e.HasOwner = *m.UID, *m.GID, true
	}
	if e.Kind == File && isLink(m.Mode) {
		e.Kind = Symlink
	}
	if e.Kind == Symlink {
		e.Link = m.LinkTarget
	}
	if sum, ok := parseSum(m.BLAKE3); ok && e.Kind == File {
		e.Sum, e.Proven = sum, true
	}
}

// Join puts two keys together.
func (v *Volume) Join(dir, rel string) string {
	if rel == "" {
		return dir
	}
	return sdpath.JoinKey(dir, rel)
}

// Rel returns the key below dir.
func (v *Volume) Rel(dir, name string) string {
	if dir == "" {
		return name
	}
	return strings.TrimPrefix(strings.TrimPrefix(name, dir), "/")
}

// Split gives the folder that a key lies in.
func (v *Volume) Split(name string) (dir, base string) { return splitKey(name) }

func splitKey(name string) (dir, base string) {
	at := strings.LastIndexByte(name, '/')
	if at <= 0 {
		return "", name
	}
	return name[:at], name[at+1:]
}

// Mkdir makes a folder that is there without anything in it, where the store can; elsewhere
// folders come with their first file. What e says is remembered in the library.
func (v *Volume) Mkdir(ctx context.Context, name string, e *Entry) error {
	is := Entry{Kind: Dir}
	if e != nil {
		is = *e
	}
	is.Name, is.Kind, is.Version = name, Dir, ""
	if m, ok := v.backend.(backends.DirMaker); ok {
		if err := m.Mkdir(ctx, name); err != nil {
			return err
		}
	}
	v.learned(&is)
	return nil
}

// Remove has the store compare the version, as well as it can.
func (v *Volume) Remove(ctx context.Context, name, version string) error {
	r, ok := v.backend.(backends.Remover)
	if !ok {
		return v.cannot("remove", name)
	}
	if err := v.Settle(ctx, name); err != nil {
		return err
	}
	if err := r.Remove(ctx, name, backends.Cond{Version: version}); err != nil {
		return err
	}
	v.Gone(name, false)
	return nil
}

// Rmdir removes a folder that Mkdir has made. Others end with the last file in them.
func (v *Volume) Rmdir(ctx context.Context, name string) error {
	if m, ok := v.backend.(backends.DirMaker); ok {
		if err := m.Rmdir(ctx, name); err != nil {
			return err
		}
	}
	v.Gone(name, true)
	return nil
}

// SetMeta remembers the attributes of a folder in the library, for services have none.
func (v *Volume) SetMeta(_ context.Context, name string, e *Entry) error {
	is := *e
	is.Name, is.Kind, is.Version = name, Dir, ""
	v.learned(&is)
	return nil
}

func (v *Volume) cannot(op, name string) error {
	return &fs.PathError{Op: op, Path: v.URI(name).String(), Err: errors.ErrUnsupported}
}

// Space is what the store tells.
func (v *Volume) Space(ctx context.Context, name string) (int64, error) {
	m, ok := v.backend.(backends.Meter)
	if !ok {
		return -1, nil
	}
	_, free, err := m.Usage(ctx)
	return free, err
}
