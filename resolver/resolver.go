// Package resolver finds what an SdPath names: the volume and the name in it. All it
// needs for that is in memory, so that a lookup takes one map access and no database,
// whether the device or service is online or not.
package resolver

import (
	"context"
	"fmt"
	iofs "io/fs"
	"sync"
	"sync/atomic"
	"time"

	"sd/backends"
	"sd/library"
	"sd/sdpath"
)

// Volume is a place where files live. It is never changed once it was returned.
type Volume struct {
	Fingerprint string
	Service     sdpath.Service // "" for a local file system
	// Identifier is the name of the mount point, as it stands in a URI: "my-bucket-2". For a
	// local file system it is the directory where that is mounted.
	Identifier string
	// Backend is never nil in what Resolve returns for a cloud path. It is nil for a local
	// file system, and in what only lists volumes until some Resolve has opened it.
	Backend backends.Backend
	Info    library.Volume
}

// Factory opens the backend of a volume. It must not touch the network. The backend outlives
// ctx; if it is an io.Closer, the Resolver closes it at its own end.
type Factory func(ctx context.Context, v library.Volume) (backends.Backend, error)

// Resolver finds volumes and devices. Its methods are safe for concurrent use.
type Resolver struct {
	lib       *library.Library
	factories map[sdpath.Service]Factory
	detector  *detector
	latencies latencies

	state atomic.Pointer[state]

	mu         sync.Mutex // held while a state is made
	generation int64      // of the library, when the state was made
	retired    []*entry   // no longer in the state, perhaps still in use
	closed     bool
}

// New returns a Resolver over lib, which must outlive it. Services without a factory can be
// listed but not opened. It reads devices and volumes and opens no backend.
func New(lib *library.Library, factories map[sdpath.Service]Factory) (*Resolver, error) {
	r := &Resolver{lib: lib, factories: factories, detector: newDetector("/")}
	r.state.Store(&state{})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Close forgets all devices and volumes and closes the backends. The library stays open.
func (r *Resolver) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return closeAll(append(r.retired, r.state.Swap(&state{}).volumes...))
}

// Resolve returns the volume that p lies on and p's name in it.
//
// A Cloud path has its key as its name; the backend is opened at first use, which costs no
// request. A Physical path of this device has its absolute path on this machine as its
// name, and as its volume the file system that is mounted above it, found without touching
// the file; that is nil where the system names none.
//
// Errors: *VolumeNotFoundError, *DeviceNotFoundError, *DeviceOfflineError,
// *NotIndexedError, *NoDriverError, or what the factory said. Before it says that something
// is not there, it looks whether another process has just added it.
func (r *Resolver) Resolve(ctx context.Context, p sdpath.Path) (*Volume, string, error) {
	switch p := p.(type) {
	case sdpath.Cloud:
		e := r.state.Load().cloud(p.Service, p.Identifier)
		if e == nil {
			if err := r.Reload(ctx); err != nil {
				return nil, "", err
			}
			if e = r.state.Load().cloud(p.Service, p.Identifier); e == nil {
				return nil, "", &VolumeNotFoundError{Service: p.Service, Identifier: p.Identifier}
			}
		}
		v, err := r.open(ctx, e)
		return v, p.Path, err
	case sdpath.Physical:
		d, err := r.Device(p.DeviceSlug)
		if err != nil {
			if err := r.Reload(ctx); err != nil {
				return nil, "", err
			}
			if d, err = r.Device(p.DeviceSlug); err != nil {
				return nil, "", err
			}
		}
		if d.ID != r.ThisDevice().ID {
			return nil, "", &DeviceOfflineError{Device: d}
		}
		name := localPath(p.Path)
		v, err := r.detector.at(name, d.ID)
		return v, name, err
	case sdpath.Content:
		return nil, "", &NotIndexedError{ID: p.ID}
	}
	return nil, "", fmt.Errorf("a %T cannot be resolved", p)
}

// Volumes returns the volumes of s in the order in which they were added, or those of all
// services for "". It asks no service anything and opens nothing; it does see what other
// processes have changed. With an error, the list is what was known before.
func (r *Resolver) Volumes(ctx context.Context, s sdpath.Service) ([]*Volume, error) {
	err := r.Reload(ctx)
	var list []*Volume
	for _, e := range r.state.Load().volumes {
		if v := e.volume(); s == "" || v.Service == s {
			list = append(list, v)
		}
	}
	return list, err
}

// Services returns the services that have a volume, in the order of sdpath.Services. It reads
// memory only.
func (r *Resolver) Services() []sdpath.Service {
	st := r.state.Load()
	var list []sdpath.Service
	for _, s := range sdpath.Services() {
		if st.services[s] {
			list = append(list, s)
		}
	}
	return list
}

// FindCloudVolume is Resolve for a volume's root, without opening its backend or looking for
// changes by other processes.
func (r *Resolver) FindCloudVolume(s sdpath.Service, identifier string) (*Volume, error) {
	if e := r.state.Load().cloud(s, identifier); e != nil {
		return e.volume(), nil
	}
	return nil, &VolumeNotFoundError{Service: s, Identifier: identifier}
}

// Devices returns the library's devices by slug, from memory. The slice is the caller's.
func (r *Resolver) Devices() []library.Device {
	return append([]library.Device(nil), r.state.Load().devices...)
}

// ThisDevice returns the device we run on.
func (r *Resolver) ThisDevice() library.Device { return r.state.Load().this }

// Device returns the device that a slug, a UUID or "local" names, from memory; an unknown one
// is a *DeviceNotFoundError.
func (r *Resolver) Device(slug string) (library.Device, error) {
	st := r.state.Load()
	if slug == "local" && st.named != nil {
		return st.this, nil
	}
	if d, ok := st.device(slug); ok {
		return d, nil
	}
	return library.Device{}, &DeviceNotFoundError{Slug: slug, Known: st.slugs()}
}

// Reload takes over what this or another process has changed in the library. Where nothing has
// changed it costs some microseconds. Volumes that are as they were stay the same *Volume,
// with their open backend. On an error all stays as it was.
func (r *Resolver) Reload(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fmt.Errorf("resolver: %w", iofs.ErrClosed)
	}
	generation, err := r.lib.Generation(ctx)
	if err != nil || generation == r.generation {
		return err
	}
	return r.load(ctx)
}

// load replaces the state. The generation is read first: a change in between makes the next
// Reload load again.
func (r *Resolver) load(ctx context.Context) error {
	generation, err := r.lib.Generation(ctx)
	if err != nil {
		return err
	}
	devices, err := r.lib.Devices(ctx)
	if err != nil {
		return err
	}
	volumes, err := r.lib.Volumes(ctx)
	if err != nil {
		return err
	}
	old := r.state.Load()
	st := newState(old, r.lib.ThisDevice(), devices, volumes)
	for _, e := range old.volumes {
		if st.byFingerprint[e.info.Fingerprint] != e {
			r.retired = append(r.retired, e)
		}
	}
	r.state.Store(st)
	r.generation = generation
	return nil
}
