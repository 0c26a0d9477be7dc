package mounttest

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"sd/backends"
	"sd/fs"
	"sd/rename"
	"sd/resolver"
	"sd/sdpath"
	"sd/staging"
)

// writing is what makes volumes writable.
type writing struct {
	staging *staging.Store
	renames *rename.Journal
	server  atomic.Pointer[fs.Server]
}

// openWriting opens what lies below the data directory, as the program does.
func openWriting(ctx context.Context, cfg childConfig, r *resolver.Resolver) (*writing, error) {
	w := &writing{}
	backend := func(ctx context.Context, volume string) (backends.Backend, error) {
		volumes, err := r.Volumes(ctx, "")
		if err != nil {
			return nil, err
		}
		for _, v := range volumes {
			if v.Fingerprint == volume {
				v, _, err := r.Resolve(ctx, sdpath.Cloud{Service: v.Service, Identifier: v.Identifier})
				if err != nil {
					return nil, err
				}
				return v.Backend, nil
			}
		}
		return nil, fmt.Errorf("no such volume: %s", volume)
	}
	var err error
	w.staging, err = staging.Open(staging.Config{
		Dir: filepath.Join(cfg.Data, "staging"), MaxBytes: cfg.StagingBytes, WriteBack: cfg.WriteBack, Device: Device,
		Backend: backend, RetryMin: cfg.RetryMin, RetryMax: cfg.RetryMax, Patience: cfg.StagingStall,
		Committed: func(volume, name string, e backends.Entry) {
			if s := w.server.Load(); s != nil {
				s.Committed(volume, name, e)
			}
		},
		Conflict: func(volume, name, copy string) {
			if s := w.server.Load(); s != nil {
				s.Conflicted(volume, name, copy)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	w.renames, err = rename.Open(rename.Config{Dir: filepath.Join(cfg.Data, "renames"), Backend: backend})
	return w, err
}

// start begins the background work, once the tree is mounted.
func (w *writing) start(ctx context.Context, s *fs.Server) error {
	w.server.Store(s)
	w.staging.Start()
	return w.renames.Recover(ctx)
}

func (w *writing) close() error {
	err := w.renames.Close()
	if e := w.staging.Close(); err == nil {
		err = e
	}
	return err
}
