package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"sd/library"
	"sd/resolver"
	"sd/sdpath"
	"sd/secrets"
)

// places is an open library with everything that its volumes need. The caller closes it.
type places struct {
	dataDir  string
	library  *library.Library
	resolver *resolver.Resolver
	keys     secrets.Store
	log      *slog.Logger
}

// open opens the library that the flags name. It asks no provider.
func (a *app) open(ctx context.Context) (*places, error) {
	dir, err := a.dataDir()
	if err != nil {
		return nil, err
	}
	lib, err := library.Open(ctx, dir, a.libraryFlag)
	if err != nil {
		return nil, err
	}
	keys := secrets.Open(dir)
	r, err := resolver.New(lib, factories(lib, keys))
	if err != nil {
		return nil, errors.Join(err, lib.Close())
	}
	return &places{dataDir: dir, library: lib, resolver: r, keys: keys, log: a.log()}, nil
}

// Close ends the use of everything in p.
func (p *places) Close() error { return errors.Join(p.resolver.Close(), p.library.Close()) }

// uri is the name of a volume's root.
func uri(v *resolver.Volume) string { return string(v.Service) + "://" + v.Identifier }

// opened is v with its backend, which its place in a listing need not have.
func (p *places) opened(ctx context.Context, v *resolver.Volume) (*resolver.Volume, error) {
	v, _, err := p.resolver.Resolve(ctx, sdpath.Cloud{Service: v.Service, Identifier: v.Identifier})
	return v, err
}

// checkVolumes reaches for all volumes at once.
func (p *places) checkVolumes(ctx context.Context) []check {
	c := check{Name: "volumes"}
	volumes, err := p.resolver.Volumes(ctx, "")
	if err != nil {
		return []check{c.fail(err.Error(), "'sd volume list' shows them")}
	}
	if len(volumes) == 0 {
		return []check{c.ok("none yet; 'sd volume add-cloud' adds one")}
	}
	checks := make([]check, len(volumes))
	done := make(chan struct{})
	for i, v := range volumes {
		go func() {
			took, err := p.reach(ctx, v)
			c := check{Name: "volume " + v.Info.Name}
			switch {
			case errors.As(err, new(*expiredError)), errors.As(err, new(*secretError)):
				checks[i] = c.fail(uri(v)+": "+err.Error(), loginCommand(v.Info.Name))
			case err != nil:
				checks[i] = c.fail(uri(v)+": "+bare(err).Error(), "'sd volume test "+shellWord(v.Info.Name)+"' tells more")
			default:
				checks[i] = c.ok(uri(v) + " answers in " + took.Round(time.Millisecond).String())
			}
			done <- struct{}{}
		}()
	}
	for range volumes {
		<-done
	}
	return checks
}

// checkSecrets looks whether stored keys can be read, by asking for one that is not there.
func (p *places) checkSecrets() check {
	c := check{Name: "stored keys"}
	if _, err := p.keys.Get("doctor"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c.fail(err.Error(), "unlock the keyring; or give the keys again with 'sd volume login'")
	}
	return c.ok("can be read")
}
