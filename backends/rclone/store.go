// Package rclone is the backend for all that rclone reaches: Google Drive, OneDrive, Dropbox,
// and any remote of an rclone.conf. rclone's own backends are its library; none of rclone's
// configuration, environment, output or exit codes is used.
//
// Names are rclone's remote paths, byte for byte, so that they agree with what a user's other
// tools show: characters that a service cannot hold are stood for by others, as rclone's
// encoding has it. No name has an empty, "." or ".." segment; to write one is fs.ErrInvalid.
// Where names may repeat (Google Drive), the file or folder with the lowest id keeps the name,
// and each other is called "name (id6).ext", with the last six letters and digits of its id.
// Such a name stays that file's as long as it lives.
//
// Versions. rclone tells no ETags. A Version is made of id, size, time and the best checksum
// that a listing has. So nothing is decided at the server: what is to be replaced is looked at
// right before, and reads describe the object again after its answer has begun.
//
// Documents that a service makes when they are asked for (Google Docs, Dropbox Paper) are
// Unsized in listings, read-only, and are kept in a spool while they may be read.
package rclone

import (
	"context"
	"sync"

	"sd/backends"
	"sd/backends/internal/rest"
)

// Store is what New returns. It offers more, by the type of the remote: backends.Renamer and
// DirMaker, Copier and PeerCopier, Meter, Watcher, CaseFolder.
type Store interface {
	backends.Backend
	backends.Putter
	backends.Remover
	backends.Walker
	backends.Prober
	backends.Counter
	backends.HealthReporter
	// Close ends background probes and connections and removes spooled documents. The store
	// stays usable.
	Close() error
}

// store is one remote, with all verbs; the types in offers.go show those that it has.
type store struct {
	cfg    Config
	remote *Remote
	habits habits
	rest   *rest.Client
	writes keyed // names that are being changed
	seen   objects
	clock  clock
	spool  spool
	tree   tree
	page   int // the most entries of a page

	connecting chan struct{} // held while conn is being made

	mu     sync.Mutex
	conn   *conn
	before *conn // that conn has replaced, closed
	login
}

// New returns the backend of a remote. It touches neither the network nor, but for CACert, any
// file. The error tells what is wrong with cfg.
func New(cfg Config) (Store, error) {
	r, err := cfg.remote()
	if err != nil {
		return nil, err
	}
	calm()
	s := &store{cfg: cfg, remote: r, habits: habitsOf(r), page: 1000, connecting: make(chan struct{}, 1)}
	s.spool.init(cfg.Spool, cfg.SpoolBytes)
	s.rest = rest.New(nil, rest.Config{
		Patience:     cfg.Patience,
		Stall:        cfg.Stall,
		ProbeEvery:   cfg.ProbeEvery,
		DataRequests: 16,
		Probe:        s.probe,
	})
	return s.offer(), nil
}

// Close is described by Store.
func (s *store) Close() error {
	s.rest.Close()
	s.mu.Lock()
	c := s.conn
	s.conn, s.before = nil, nil
	s.mu.Unlock()
	if c != nil {
		c.close()
	}
	return s.spool.close()
}

// Stats counts the requests to the service.
func (s *store) Stats() backends.Stats { return s.rest.Stats() }

// Health tells whether the service answers, and whether the login has ended.
func (s *store) Health() backends.Health {
	h := s.rest.Health()
	s.mu.Lock()
	defer s.mu.Unlock()
	h.Expired = s.login.refused != nil
	return h
}

// Capabilities are none: rclone has no conditional requests.
func (s *store) Capabilities(ctx context.Context) (backends.Capabilities, error) {
	return backends.Capabilities{}, nil
}

// probe asks for the root, as anything would do.
func (s *store) probe(ctx context.Context) {
	c, err := s.connect(ctx)
	if err != nil {
		return
	}
	_, _ = carry(ctx, func(ctx context.Context) (any, error) {
		_, err := c.fs.NewObject(c.with(ctx), "sd-probe")
		return nil, err
	})
}
