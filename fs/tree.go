package fs

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/cache"
	"sd/resolver"
)

// tree is what all nodes of one mount share.
type tree struct {
	resolver *resolver.Resolver
	cache    *cache.Cache
	names    *cache.Names
	local    *localTree
	owner    owner
	ttl      time.Duration // of cloud metadata
	started  time.Time
	log      *slog.Logger

	volumes volumeTable
}

func newTree(cfg *Config) (*tree, error) {
	local, err := newLocalTree(cfg.Resolver.ThisDevice().Slug, "/", cfg.Log)
	if err != nil {
		return nil, fmt.Errorf("show this device: %w", err)
	}
	return &tree{
		resolver: cfg.Resolver,
		cache:    cfg.Cache,
		names:    cache.NewNames(cache.NamesConfig{TTL: cfg.MetadataTTL - cfg.MetadataTTL/4}),
		local:    local,
		owner:    newOwner(cfg),
		ttl:      cfg.MetadataTTL,
		started:  time.Now(),
		log:      cfg.Log,
	}, nil
}

// mounted is called between the mount and the first request.
func (t *tree) mounted(s *fuse.Server) { t.local.mounted(s) }

// close ends what runs for the tree; it is served no more.
func (t *tree) close() {
	t.local.close()
	t.names.Close()
}
