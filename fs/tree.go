package fs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/cache"
	"sd/rename"
	"sd/resolver"
	"sd/staging"
)

// tree is what all nodes of one mount share.
type tree struct {
	resolver             *resolver.Resolver
	cache                *cache.Cache
	names                *cache.Names
	local                *localTree
	staging              *staging.Store  // nil: volumes are read-only
	renames              *rename.Journal // nil with it
	facts                Facts
	changes              Changes
	carrier              *carrier
	mountpoint           string
	overlay              string // folder for desktop litter; "" for none
	owner                owner
	readOnly, allowOther bool
	ttl                  time.Duration // of cloud metadata
	started              time.Time
	log                  *slog.Logger

	beside    beside
	wholes    wholes
	stale     staleCopies
	volumes   volumeTable
	recovered *recovered // what a former process left to be sent
}

func newTree(cfg *Config) (*tree, error) {
	local, err := newLocalTree(cfg.Resolver.ThisDevice().Slug, "/", cfg.Log)
	if err != nil {
		return nil, fmt.Errorf("show this device: %w", err)
	}
	t := &tree{
		resolver:   cfg.Resolver,
		cache:      cfg.Cache,
		names:      cache.NewNames(cache.NamesConfig{TTL: cfg.MetadataTTL - cfg.MetadataTTL/4}),
		local:      local,
		staging:    cfg.Staging,
		renames:    cfg.Renames,
		facts:      cfg.Facts,
		changes:    cfg.Changes,
		overlay:    cfg.OverlayDir,
		mountpoint: cfg.Mountpoint,
		readOnly:   cfg.ReadOnly,
		allowOther: cfg.AllowOther,
		owner:      newOwner(cfg),
		ttl:        cfg.MetadataTTL,
		started:    time.Now(),
		log:        cfg.Log,
	}
	if t.facts == nil {
		t.facts = forgetful{}
	}
	t.beside.life, t.beside.end = context.WithCancel(context.Background())
	local.identified = t.identifiedHere
	t.stale = staleCopies{resolver: t.resolver, log: t.log}
	if t.changes == nil {
		t.changes = unheard{}
	}
	t.carrier = newCarrier(t)
	var left []*staging.File
	if t.staging != nil {
		left = t.staging.Recovered()
	}
	t.recovered = newRecovered(left)
	return t, nil
}

// mounted is called between the mount and the first request.
func (t *tree) mounted(s *fuse.Server) { t.local.mounted(s) }

// close ends what runs for the tree; it is served no more.
func (t *tree) close() {
	t.beside.close()
	t.carrier.close()
	t.stale.close()
	t.local.close()
	t.names.Close()
}
