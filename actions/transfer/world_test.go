//go:build linux

package transfer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/actions/stores"
	"sd/actions/transfer"
	"sd/backends"
	"sd/identity"
	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// unit is the size of parts here: small, so that the tests are quick.
const unit = 64 << 10

// world is a library with volumes by name, Transfers over it, and an empty local folder.
type world struct {
	testing.TB
	*transfer.Transfers
	lib      *library.Library
	resolver *resolver.Resolver
	set      *stores.Set
	local    *stores.Local
	dir      string
	volumes  map[string]*stores.Volume
	tasks    int
}

func newWorld(t testing.TB, volumes map[string]backends.Backend, cfg transfer.Config) *world {
	t.Helper()
	w := &world{TB: t, volumes: map[string]*stores.Volume{}}
	ctx := context.Background()
	var err error
	w.lib, err = library.Open(ctx, t.TempDir(), "")
	w.must(err)
	t.Cleanup(func() { w.must(w.lib.Close()) })
	w.resolver, err = resolver.New(w.lib, map[sdpath.Service]resolver.Factory{
		sdpath.S3: func(_ context.Context, v library.Volume) (backends.Backend, error) { return volumes[v.Identifier], nil },
	})
	w.must(err)
	t.Cleanup(func() { w.must(w.resolver.Close()) })
	w.set = stores.New(w.lib, w.resolver, stores.Hooks{})
	t.Cleanup(func() { w.must(w.set.Close()) })
	st, _, err := w.set.Of(ctx, sdpath.NewPhysical("local", "/"))
	w.must(err)
	w.local = st.(*stores.Local)
	for name := range volumes {
		_, err := w.resolver.AddCloud(ctx, resolver.CloudVolume{Service: sdpath.S3, Identifier: name})
		w.must(err)
		st, _, err := w.set.Of(ctx, sdpath.Cloud{Service: sdpath.S3, Identifier: name})
		w.must(err)
		w.volumes[name] = st.(*stores.Volume)
	}
	cfg.Set = w.set
	w.Transfers = transfer.New(cfg)
	transfer.SetUnit(w.Transfers, unit)
	t.Cleanup(func() { transfer.CloseIdle(w.Transfers) })
	w.dir = t.TempDir()
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// when is the time of all sources.
var when = time.Unix(1_600_000_000, 123_456_789)

// name is a whole name in a store: local ones lie in the folder.
func (w *world) name(st stores.Store, base string) string {
	if st == w.local {
		return filepath.Join(w.dir, base)
	}
	return "dir/" + base
}

// make makes a source of some bytes, with attributes, and describes it as a listing would.
func (w *world) make(st stores.Store, base string, data []byte) stores.Entry {
	w.Helper()
	name := w.name(st, base)
	switch st := st.(type) {
	case *stores.Local:
		w.must(os.WriteFile(name, data, 0o640))
		w.must(os.Chmod(name, 0o640))
		w.must(unix.Setxattr(name, "user.colour", []byte("red"), 0))
		w.must(os.Chtimes(name, when, when))
		return w.entry(st, name)
	case *stores.Volume:
		sum, _, _ := identity.Read(w.Context(), bytes.NewReader(data), int64(len(data)), nil)
		uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
		m := backends.Meta{ModTime: when, Mode: 0o100640, UID: &uid, GID: &gid, Xattrs: map[string][]byte{"user.colour": []byte("red")}}
		if len(data) > 0 {
			m.BLAKE3 = sum.String()
		}
		_, err := st.Backend().(backends.Putter).Put(w.Context(), name, bytes.NewReader(data), int64(len(data)), m, backends.Cond{})
		w.must(err)
		return w.listed(st, name)
	}
	w.Fatalf("nothing can be made in a %T", st)
	return stores.Entry{}
}

// listed describes an object by what its folder's listing tells.
func (w *world) listed(st *stores.Volume, name string) (found stores.Entry) {
	w.Helper()
	w.must(st.Backend().List(w.Context(), "dir", func(page []backends.Entry) error {
		for _, e := range page {
			if e.Name == filepath.Base(name) && e.Kind != backends.Dir {
				e.Name = name
				found = st.Entry(&e)
			}
		}
		return nil
	}))
	if found.Name == "" {
		w.Fatalf("%s is not listed", name)
	}
	return found
}

func (w *world) entry(st stores.Store, name string) stores.Entry {
	w.Helper()
	e, err := st.Stat(w.Context(), name)
	w.must(err)
	return e
}

// task copies e to the base name in to, where nothing may be.
func (w *world) task(from stores.Store, e stores.Entry, to stores.Store, base string) transfer.Task {
	w.tasks++
	return transfer.Task{From: from, Source: e, To: to, Name: w.name(to, base), Absent: true, Unique: fmt.Sprint("lib-7-", w.tasks)}
}

// keep has a task save what it has reached, and returns where.
func keep(task *transfer.Task) *json.RawMessage {
	last := new(json.RawMessage)
	task.Save = func(text json.RawMessage) error {
		*last = bytes.Clone(text)
		return nil
	}
	return last
}

func (w *world) read(st stores.Store, name string) []byte {
	w.Helper()
	if st == w.local {
		data, err := os.ReadFile(name)
		w.must(err)
		return data
	}
	r, _, err := st.(*stores.Volume).Backend().Get(w.Context(), name, "", 0, -1)
	w.must(err)
	defer r.Close()
	data, err := io.ReadAll(r)
	w.must(err)
	return data
}

// wantCopy checks bytes and attributes of a target.
func (w *world) wantCopy(st stores.Store, name string, data []byte) {
	w.Helper()
	if !bytes.Equal(w.read(st, name), data) {
		w.Errorf("%s holds other bytes than its source", st.URI(name))
	}
	e := w.entry(st, name)
	if !e.ModTime.Equal(when) || e.Mode != 0o100640 || e.UID != uint32(os.Getuid()) || !e.HasOwner {
		w.Errorf("%s has time %v, mode %o, owner %d (%v)", st.URI(name), e.ModTime, e.Mode, e.UID, e.HasOwner)
	}
	colour := ""
	if e.Meta != nil {
		colour = string(e.Meta.Xattrs["user.colour"])
	} else {
		value := make([]byte, 10)
		n, _ := unix.Getxattr(name, "user.colour", value)
		colour = string(value[:max(n, 0)])
	}
	if colour != "red" {
		w.Errorf("%s has the attribute %q, want red", st.URI(name), colour)
	}
}

// only checks that there is nothing in the local folder but these names.
func (w *world) only(names ...string) {
	w.Helper()
	list, err := os.ReadDir(w.dir)
	w.must(err)
	got := []string{}
	for _, e := range list {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		w.Errorf("the folder has %q, want %q", got, names)
	}
}

// absent checks that there is nothing of that name.
func (w *world) absent(st stores.Store, name string) {
	w.Helper()
	if _, err := st.Stat(w.Context(), name); !errors.Is(err, iofs.ErrNotExist) {
		w.Errorf("%s: got %v, want %v", st.URI(name), err, iofs.ErrNotExist)
	}
}

// changed checks that err is a *ChangedError about a side.
func (w *world) changed(err error, side transfer.Side) {
	w.Helper()
	var changed *transfer.ChangedError
	if !errors.As(err, &changed) || changed.Side != side || !errors.Is(err, backends.ErrChanged) {
		w.Errorf("got error %v, want that the %s has changed", err, side)
	}
}

// know has the catalog know that a file holds data, and returns the content's entry.
func (w *world) know(st stores.Store, name string, data []byte) (stores.Store, stores.Entry) {
	w.Helper()
	sum, print, err := identity.Read(w.Context(), bytes.NewReader(data), int64(len(data)), nil)
	w.must(err)
	e := w.entry(st, name)
	f := catalog.File{Name: filepath.Base(name), Size: e.Size, Version: e.Version}
	place := catalog.DevicePlace(w.resolver.ThisDevice().ID)
	if v, ok := st.(*stores.Volume); ok {
		place = catalog.VolumePlace(v.Info().Fingerprint)
	} else {
		f.ModTime, f.Version = e.ModTime.UnixNano(), identity.LocalVersion(e.Changed, e.Inode)
	}
	w.must(w.lib.Catalog().Update(w.Context(), func(tx *catalog.Tx) error {
		folder, err := tx.MakePath(place, strings.TrimPrefix(filepath.Dir(name), "/"))
		if err != nil {
			return err
		}
		if err := tx.PutFile(folder, &f); err != nil {
			return err
		}
		ok, err := tx.Identify(folder, f.Name, f.FileVersion(), sum, print, catalog.Read)
		if err == nil && !ok {
			err = errors.New("not identified")
		}
		return err
	}))
	contents, id, err := w.set.Of(w.Context(), sdpath.Content{ID: sum.ContentID()})
	w.must(err)
	return contents, w.entry(contents, id)
}
