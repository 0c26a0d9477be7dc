package stores

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"sd/actions/steps"
	"sd/backends"
	"sd/identity"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// Hooks tell a mount what happens to its volumes; the zero value tells nobody. Volumes are
// named by fingerprint. Both are called from any goroutine.
type Hooks struct {
	// Settle is called before a file, or all files below a folder, are read or replaced: what
	// is staged there is uploaded when it returns.
	Settle func(ctx context.Context, volume, name string) error
	// Changed is called after a file or folder was made, replaced, or given other attributes;
	// e is nil if it is gone. It must return at once.
	Changed func(volume, name string, e *backends.Entry)
}

// Set opens stores, each once, and shares what is learned of them with the library. It is safe
// for concurrent use. Close it.
type Set struct {
	lib      *library.Library
	resolver *resolver.Resolver
	hooks    Hooks
	learner  *learner

	mu      sync.Mutex // guards what follows
	local   *Local
	volumes map[string]*Volume // by fingerprint
}

// New returns a Set over a library and its resolver, which must both outlive it.
func New(lib *library.Library, r *resolver.Resolver, hooks Hooks) *Set {
	return &Set{lib: lib, resolver: r, hooks: hooks, learner: newLearner(lib), volumes: make(map[string]*Volume)}
}

// Close writes what was learned and is not written yet. Its error tells what could not be
// written since the Set was made: the next scan finds that out again.
func (s *Set) Close() error { return s.learner.flush() }

// Resolver returns the resolver that the Set was made with.
func (s *Set) Resolver() *resolver.Resolver { return s.resolver }

// Of returns the store that p lies in and p's name there. Of a key's slashes at the end one is
// dropped, which only says that a folder is meant. No request is made. Errors are those of
// Resolver.Resolve.
func (s *Set) Of(ctx context.Context, p sdpath.Path) (Store, string, error) {
	switch p := p.(type) {
	case sdpath.Content:
		return &Content{s.resolver}, p.ID.String(), nil
	case sdpath.Physical:
		// Which file system it lies on is not asked: that reads the mount table, and there may be a
		// source for each of many files.
		if d, err := s.resolver.Device(p.DeviceSlug); err == nil && d.ID == s.resolver.ThisDevice().ID {
			return s.thisDevice(), "/" + strings.TrimPrefix(p.Path, "/"), nil
		}
	}
	v, name, err := s.resolver.Resolve(ctx, p)
	if err != nil {
		return nil, "", err
	}
	if _, ok := p.(sdpath.Physical); ok {
		return s.thisDevice(), name, nil
	}
	return s.opened(v), strings.TrimSuffix(name, "/"), nil
}

// Open returns the store that a plan names. A volume that the user has removed from the
// library is a *resolver.VolumeNotFoundError.
func (s *Set) Open(ctx context.Context, ref steps.StoreRef) (Store, error) {
	switch ref.Kind {
	case "content":
		return &Content{s.resolver}, nil
	case "local":
		if id := s.resolver.ThisDevice().ID.String(); ref.Fingerprint != id {
			return nil, fmt.Errorf("%s is another device's: run the job there", ref.URI)
		}
		return s.thisDevice(), nil
	case "volume":
		v, err := s.resolver.Find(ctx, ref.Fingerprint)
		if err != nil {
			return nil, err
		}
		v, _, err = s.resolver.Resolve(ctx, sdpath.Cloud{Service: v.Service, Identifier: v.Identifier})
		if err != nil {
			return nil, err
		}
		return s.opened(v), nil
	}
	return nil, fmt.Errorf("a plan names a store of kind %q: update sd", ref.Kind)
}

func (s *Set) thisDevice() *Local {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.local == nil {
		d := s.resolver.ThisDevice()
		s.local = &Local{slug: d.Slug, device: d.ID, resolver: s.resolver, maxOpen: maxOpen}
	}
	return s.local
}

// opened returns the store over a volume with an open backend.
func (s *Set) opened(v *resolver.Volume) *Volume {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.volumes[v.Fingerprint]
	if known == nil || known.volume != v {
		known = &Volume{set: s, volume: v, backend: v.Backend}
		s.volumes[v.Fingerprint] = known
	}
	return known
}

// Twin returns a file of st that is proven to have these bytes, if the library knows one. A local
// one was looked at; an object may have changed meanwhile, which a copy of its Version finds out.
func (s *Set) Twin(ctx context.Context, st Store, sum identity.Sum, size int64) (Entry, bool) {
	c := s.lib.Catalog()
	content, err := c.Content(ctx, sum.ContentID())
	if err != nil || content.BLAKE3 != sum || content.Size != size {
		return Entry{}, false
	}
	copies, err := c.Copies(ctx, content.Key)
	if err != nil {
		return Entry{}, false
	}
	for i := range copies {
		f := &copies[i].File
		if !f.Proof.Proven() {
			continue
		}
		switch st := st.(type) {
		case *Local:
			if copies[i].Place != st.place() {
				continue
			}
			e, err := st.Stat(ctx, "/"+copies[i].Path)
			if err != nil || e.Kind != File {
				continue
			}
			if e.prove(f, sum); e.Proven {
				return e, true
			}
		case *Volume:
			if copies[i].Place == st.place() {
				return Entry{Name: copies[i].Path, Size: f.Size, Version: f.Version, Sum: sum, Proven: true}, true
			}
		}
	}
	return Entry{}, false
}

func parseSum(hex string) (identity.Sum, bool) {
	if hex == "" {
		return identity.Sum{}, false
	}
	sum, err := identity.ParseSum(hex)
	return sum, err == nil
}
