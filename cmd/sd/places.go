package main

import (
	"context"
	"errors"
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
			_, err := newVault(p.keys, v.Info).some()
			var took time.Duration
			if err == nil {
				took, err = p.reach(ctx, v)
			}
			c := check{Name: "volume " + v.Info.Name}
			switch damaged := new(secrets.DamagedError); {
			case errors.As(err, &damaged) && errors.Is(err, secrets.ErrKey):
				checks[i] = c.fail(uri(v)+": "+err.Error(), "rm "+shellWord(damaged.Path)+"; then "+loginCommand(v.Info.Name))
			case errors.As(err, new(*expiredError)), errors.As(err, new(*secretError)), errors.As(err, &damaged), errors.As(err, new(*secrets.KeyringError)):
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

// checkSecrets reads the stored keys of all volumes.
func (p *places) checkSecrets(ctx context.Context) check {
	c := check{Name: "stored keys"}
	volumes, err := p.resolver.Volumes(ctx, "")
	if err != nil {
		return c.fail(err.Error(), "'sd volume list' shows the volumes")
	}
	read := 0
	for _, v := range volumes {
		all, err := newVault(p.keys, v.Info).some()
		switch {
		case errors.Is(err, secrets.ErrKey):
			return c.fail("none can be read", "see the volumes below")
		case err != nil:
			return c.fail("that of volume "+v.Info.Name+" cannot be read", "see that volume below")
		case len(all) > 0:
			read++
		}
	}
	if read == 0 {
		return c.ok("none yet")
	}
	return c.ok("can be read")
}
