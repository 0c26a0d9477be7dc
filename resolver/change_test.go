package resolver

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"sync"
	"testing"

	"github.com/google/uuid"

	"sd/backends"
	"sd/library"
	"sd/sdpath"
)

// What another process writes is seen: at once by who misses it, else by Reload.
func TestOtherProcesses(t *testing.T) {
	ctx, data := t.Context(), t.TempDir()
	lib := openLibrary(t, data)
	r, shop := newResolver(t, lib)
	other, _ := newResolver(t, openLibrary(t, data))
	mustAdd(t, r, CloudVolume{Service: sdpath.S3, Identifier: "kept"})
	keptPath := sdpath.Cloud{Service: sdpath.S3, Identifier: "kept"}
	kept, _, err := r.Resolve(ctx, keptPath)
	if err != nil {
		t.Fatal(err)
	}

	mustAdd(t, other, CloudVolume{Service: sdpath.S3, Identifier: "new"})
	if _, _, err := r.Resolve(ctx, sdpath.Cloud{Service: sdpath.S3, Identifier: "new"}); err != nil {
		t.Errorf("Resolve of a volume that another process has added: %v", err)
	}
	if _, err := other.lib.AddDevice(ctx, library.Device{ID: uuid.New(), Name: "mac"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Resolve(ctx, sdpath.NewPhysical("mac", "/")); !errors.Is(err, backends.ErrOffline) {
		t.Errorf("Resolve on a device that another process has added: %v", err)
	}
	if _, err := other.lib.RenameDevice(ctx, lib.ThisDevice().ID, "renamed"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Remove(ctx, "new"); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	if got := r.ThisDevice().Slug; got != "renamed" {
		t.Errorf("this device is %q, want renamed", got)
	}
	if volumes, err := r.Volumes(ctx, sdpath.S3); len(volumes) != 1 || volumes[0] != kept || err != nil {
		t.Errorf("Volumes = %v, %v, want the one that stayed, still open", volumes, err)
	}
	if n := shop.opened.Load(); n != 2 {
		t.Errorf("%d backends were opened, want 2", n)
	}
	lib.Close()
	if _, _, err := r.Resolve(ctx, keptPath); err != nil {
		t.Errorf("Resolve without a database: %v", err)
	}
	if err := r.Reload(ctx); !errors.Is(err, iofs.ErrClosed) {
		t.Errorf("Reload without a database: %v, want ErrClosed", err)
	}
}

// Resolving goes on, with right answers, while all else changes.
func TestConcurrentUse(t *testing.T) {
	ctx, data := t.Context(), t.TempDir()
	r, shop := newResolver(t, openLibrary(t, data))
	other, _ := newResolver(t, openLibrary(t, data))
	mustAdd(t, r, CloudVolume{Service: sdpath.S3, Identifier: "kept"})
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	loop := func(fn func() error) {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := fn(); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for range 3 {
		loop(func() error {
			v, _, err := r.Resolve(ctx, sdpath.Cloud{Service: sdpath.S3, Identifier: "kept"})
			if err == nil && v.Backend.(*store).volume.Identifier != "kept" {
				err = fmt.Errorf("got the backend of %s", v.Backend.(*store).volume.Identifier)
			}
			return err
		})
	}
	loop(func() error {
		v, _, err := r.Resolve(ctx, sdpath.Cloud{Service: sdpath.S3, Identifier: "brief"})
		if err == nil && v.Backend.(*store).volume.Identifier != "brief" {
			return fmt.Errorf("got the backend of %s", v.Backend.(*store).volume.Identifier)
		}
		if err != nil && !errors.As(err, new(*VolumeNotFoundError)) {
			return err
		}
		return nil
	})
	loop(func() error { return r.Reload(ctx) })
	loop(func() error {
		if d, err := r.Device("local"); err != nil || d.ID != r.ThisDevice().ID {
			return fmt.Errorf("this device is %v, %v", d, err)
		}
		r.Services()
		_, err := r.Volumes(ctx, sdpath.S3)
		return err
	})
	writers.Go(func() {
		for range 15 {
			if _, err := other.AddCloud(ctx, CloudVolume{Service: sdpath.S3, Identifier: "brief"}); err != nil {
				t.Error(err)
			}
			if _, err := r.Remove(ctx, "brief"); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Go(func() {
		for i := range 15 {
			if _, err := other.lib.RenameDevice(ctx, other.ThisDevice().ID, fmt.Sprint("name ", i)); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Wait()
	close(stop)
	readers.Wait()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if opened, closed := shop.opened.Load(), shop.closed.Load(); opened != closed {
		t.Errorf("%d backends were opened and %d closed", opened, closed)
	}
}

func BenchmarkResolve(b *testing.B) {
	lib, err := library.Open(b.Context(), b.TempDir(), "")
	if err != nil {
		b.Fatal(err)
	}
	defer lib.Close()
	r, err := New(lib, map[sdpath.Service]Factory{sdpath.S3: new(shop).factory})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := r.AddCloud(b.Context(), CloudVolume{Service: sdpath.S3, Identifier: "b"}); err != nil {
		b.Fatal(err)
	}
	var p sdpath.Path = sdpath.Cloud{Service: sdpath.S3, Identifier: "b", Path: "k"}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.Resolve(b.Context(), p); err != nil {
			b.Fatal(err)
		}
	}
}
