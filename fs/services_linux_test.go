package fs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/mounttest"
	"sd/internal/services"
)

// site is the volume of one service, mounted, with a way round the mount.
type site struct {
	*services.Running
	name      string
	m         *mounttest.Mount
	o         mounttest.Options
	dir, data string
	direct    backends.Backend
}

// newSite starts a service and mounts a volume of it, which is opened with these limits.
func newSite(t *testing.T, s services.Service, o mounttest.Options, l services.Limits) *site {
	t.Helper()
	x := &site{Running: s.Start(t), name: s.Name, o: o, dir: t.TempDir(), data: t.TempDir()}
	x.o.Volumes = []mounttest.Volume{mounttest.Of(x.Volume, l)}
	var err error
	x.direct, err = x.Direct.Open(services.Patient)
	must(t, err)
	if c, ok := x.direct.(io.Closer); ok {
		t.Cleanup(func() { c.Close() })
	}
	x.m = mounttest.StartAt(t, x.o, x.dir, x.data)
	return x
}

// at is where the mount shows a name of the volume.
func (x *site) at(elem ...string) string {
	return x.m.Path(string(x.Service), x.Identifier, filepath.Join(elem...))
}

// remount ends the mount and begins another.
func (x *site) remount(t *testing.T) {
	t.Helper()
	x.m.Stop()
	mounttest.Detach(x.dir)
	x.m = mounttest.StartAt(t, x.o, x.dir, x.data)
}

// drain waits until all that was acknowledged is at the service.
func (x *site) drain(t *testing.T) {
	t.Helper()
	if err := x.m.Drain(20 * time.Second); err != nil {
		t.Error(err)
	}
}

// stored is the file as the service has it, asked round the mount.
func (x *site) stored(t *testing.T, name string) (content string, ok bool) {
	t.Helper()
	r, _, err := x.direct.Get(t.Context(), name, "", 0, -1)
	if errors.Is(err, iofs.ErrNotExist) || errors.Is(err, backends.ErrIsDir) {
		return "", false
	}
	must(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	must(t, err)
	return string(b), true
}

// overwrite puts a file behind the mount.
func (x *site) overwrite(t *testing.T, name, content string) {
	t.Helper()
	x.folder(t, name)
	_, err := x.direct.(backends.Putter).Put(t.Context(), name, strings.NewReader(content), int64(len(content)), backends.Meta{}, backends.Cond{})
	must(t, err)
}

// folder makes the folders of name behind the mount, where the service has such.
func (x *site) folder(t *testing.T, name string) {
	t.Helper()
	d, ok := x.direct.(backends.DirMaker)
	for i, c := range name {
		if !ok || c != '/' {
			continue
		}
		if err := d.Mkdir(t.Context(), name[:i]); err != nil && !errors.Is(err, iofs.ErrExist) {
			t.Fatal(err)
		}
	}
}

// wantStored fails the test unless the service has these bytes.
func (x *site) wantStored(t *testing.T, name, want string) {
	t.Helper()
	if got, ok := x.stored(t, name); !ok || got != want {
		t.Errorf("%s at the service is %s (there: %v), want %s", name, brief(got), ok, brief(want))
	}
}

// wantAbsent fails the test if the service has the file.
func (x *site) wantAbsent(t *testing.T, name string) {
	t.Helper()
	if got, ok := x.stored(t, name); ok {
		t.Errorf("%s is at the service, with %s", name, brief(got))
	}
}

// list gives the names of a folder as the service has them.
func (x *site) list(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := x.direct.List(t.Context(), dir, func(page []backends.Entry) error {
		for _, e := range page {
			list = append(list, e.Name)
		}
		return nil
	})
	if !errors.Is(err, iofs.ErrNotExist) {
		must(t, err)
	}
	slices.Sort(list)
	return list
}

// fill puts n small files into a folder behind the mount, several at a time.
func (x *site) fill(t *testing.T, dir string, n int) {
	t.Helper()
	if x.Seed != nil {
		for i := range n {
			must(t, x.Seed(fmt.Sprintf("%s/%04d.txt", dir, i), fmt.Appendf(nil, "file %d", i)))
		}
		return
	}
	put := x.direct.(backends.Putter)
	next := make(chan int)
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for i := range next {
				name, content := fmt.Sprintf("%s/%04d.txt", dir, i), fmt.Appendf(nil, "file %d", i)
				if _, err := put.Put(t.Context(), name, bytes.NewReader(content), int64(len(content)), backends.Meta{}, backends.Cond{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	running.Wait()
}
