// Package mem is a store in memory that offers every verb and is strict about
// each: conditions are atomic, a name is a file or a directory and never both,
// and what the contract of package backends forbids is an error. Tests of other
// packages use it as the store that does everything right, and have it fail,
// stall or page as they like.
package mem

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	iofs "io/fs"
	"maps"
	"sync"
	"time"

	"sd/backends"
)

// Config shapes a Store. The zero Config is a good one.
type Config struct {
	// PageSize is the most entries in a page of List and Walk; 0 is 1000.
	PageSize int
	// Capacity is how many bytes the store holds before writes fail with
	// backends.ErrNoSpace; 0 is no limit.
	Capacity int64
	// Before is called before every request, with the context of the call and an
	// operation as in Stats: a LIST comes once a page. An error from it is what the
	// request fails with, wrapped in a *fs.PathError. It may block, and is called from
	// several goroutines. A nil Before lets all pass.
	Before func(ctx context.Context, op, name string) error
	// After is called in the same way when a request has done its work, but not after one
	// that failed. An error from it is a reply that was lost: the work is done, and the
	// caller is not told so.
	After func(ctx context.Context, op, name string) error
	// Account, if it is not "", has stores with the same one copy from each other.
	Account string
	// Versions has the store keep what Remove removes, for Undelete.
	Versions bool
	// Fold has one file answer to its name in any case, as package fold says. The store then
	// has to be wrapped, by NewFolding or NewFoldingDrive, which set it.
	Fold bool
	// Bare has files carry their times alone, as they do on most drives: no entry has Meta.
	Bare bool
	// Limits bound uploads in parts and the size of a Put; zero fields are those of S3.
	Limits backends.UploadLimits
}

// A Store keeps files in memory. Use New.
type Store struct {
	cfg Config

	mu      sync.RWMutex
	root    *node
	version uint64
	used    int64
	uploads map[string]*parts
	done    map[string]string // uploads that were committed, and the versions they made
	removed map[string]*node  // what Undelete can bring back
	stats   backends.Stats
	watches map[*watch]struct{}
}

// node is a file or a directory. A file's data is never changed, only replaced.
type node struct {
	base     string // its name as it was made
	version  string
	modTime  time.Time
	data     []byte
	meta     backends.Meta
	children map[string]*node // by folded name; nil for a file
	implied  bool             // a directory that goes with its last child
	document bool             // its bytes are made when they are asked for, and cannot be written
}

func (n *node) isDir() bool { return n.children != nil }

var _ interface {
	backends.Backend
	backends.Putter
	backends.Remover
	backends.Copier
	backends.PeerCopier
	backends.Undeleter
	backends.Uploader
	backends.UploadFinder
	backends.Renamer
	backends.DirMaker
	backends.Walker
	backends.Meter
	backends.Watcher
	backends.Counter
} = (*Store)(nil)

// New makes an empty store.
func New(cfg Config) *Store {
	if cfg.PageSize <= 0 {
		cfg.PageSize = 1000
	}
	cfg.Limits = backends.UploadLimits{
		MinPart:  cmp.Or(cfg.Limits.MinPart, 5<<20),
		MaxPart:  cmp.Or(cfg.Limits.MaxPart, 5<<30),
		MaxParts: cmp.Or(cfg.Limits.MaxParts, 10_000),
		MaxPut:   cmp.Or(cfg.Limits.MaxPut, 5<<30),
	}
	return &Store{
		cfg:     cfg,
		root:    &node{children: map[string]*node{}},
		uploads: map[string]*parts{},
		done:    map[string]string{},
		removed: map[string]*node{},
		watches: map[*watch]struct{}{},
		stats:   backends.Stats{Requests: map[string]int64{}},
	}
}

// Stat describes name.
func (s *Store) Stat(ctx context.Context, name string) (backends.Entry, error) {
	if err := s.begin(ctx, "HEAD", name); err != nil {
		return backends.Entry{}, s.fail("stat", name, err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, err := s.find(name)
	if err != nil {
		return backends.Entry{}, s.fail("stat", name, err)
	}
	return s.described(name, n), nil
}

// Get reads a file. The reader goes on with the bytes of the version it was opened
// for, whatever happens to the name.
func (s *Store) Get(ctx context.Context, name, version string, off, n int64) (io.ReadCloser, backends.Entry, error) {
	if err := s.begin(ctx, "GET", name); err != nil {
		return nil, backends.Entry{}, s.fail("get", name, err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	file, err := s.find(name)
	switch {
	case err != nil:
	case file.isDir():
		err = backends.ErrIsDir
	case version != "" && version != file.version:
		err = backends.ErrChanged
	case off < 0:
		err = iofs.ErrInvalid
	}
	if err != nil {
		return nil, backends.Entry{}, s.fail("get", name, err)
	}
	data := file.data[min(off, int64(len(file.data))):]
	if n >= 0 {
		data = data[:min(n, int64(len(data)))]
	}
	return &reader{ctx: ctx, store: s, name: name, rest: bytes.NewReader(data)}, s.described(name, file), nil
}

// reader ends with its context, as a body from a network would.
type reader struct {
	ctx    context.Context
	store  *Store
	name   string
	rest   *bytes.Reader
	closed bool
}

func (r *reader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, r.store.fail("read", r.name, iofs.ErrClosed)
	}
	if err := r.ctx.Err(); err != nil {
		return 0, r.store.fail("read", r.name, err)
	}
	n, err := r.rest.Read(p)
	r.store.mu.Lock()
	r.store.stats.BytesIn += int64(n)
	r.store.mu.Unlock()
	return n, err
}

func (r *reader) Close() error {
	r.closed = true
	return nil
}

// Usage tells the bytes of all files, and the free ones if there is a Capacity.
func (s *Store) Usage(ctx context.Context) (used, free int64, err error) {
	if err := s.begin(ctx, "USAGE", ""); err != nil {
		return 0, 0, s.fail("usage", "", err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.cfg.Capacity == 0 {
		return s.used, -1, nil
	}
	return s.used, s.cfg.Capacity - s.used, nil
}

// Stats counts the requests so far; LIST counts pages, of Walk too.
func (s *Store) Stats() backends.Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	stats := s.stats
	stats.Requests = maps.Clone(stats.Requests)
	return stats
}

// begin counts a request and lets the Before hook and ctx end it.
func (s *Store) begin(ctx context.Context, op, name string) error {
	s.mu.Lock()
	s.stats.Requests[op]++
	s.mu.Unlock()
	if s.cfg.Before != nil {
		if err := s.cfg.Before(ctx, op, name); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// settle lets the After hook lose the reply to a request that succeeded.
func (s *Store) settle(ctx context.Context, op, name string, err error) error {
	if err == nil && s.cfg.After != nil {
		err = s.cfg.After(ctx, op, name)
	}
	return err
}

func (s *Store) fail(op, name string, err error) error {
	return &iofs.PathError{Op: op, Path: name, Err: err}
}

func (s *Store) nextVersion() string {
	s.version++
	return fmt.Sprintf("v%d", s.version)
}

// entry describes n in a listing, where its name is name.
func entry(name string, n *node) backends.Entry {
	e := backends.Entry{Name: name, Kind: backends.Dir, ModTime: n.modTime}
	if n.isDir() {
		return e
	}
	e.Kind = backends.File
	if n.document {
		e.Unsized, e.Meta = true, &backends.Meta{Mode: documentMode}
		return e
	}
	e.Size, e.Version = int64(len(n.data)), n.version
	return e
}

// described is entry with what listings do not tell. name is what was asked for; its last
// segment is given in the store's case.
func (s *Store) described(name string, n *node) backends.Entry {
	if name != "" {
		dir, _ := split(name)
		name = join(dir, n.base)
	}
	e := entry(name, n)
	if n.isDir() {
		return e
	}
	e.Size, e.Version, e.Unsized = int64(len(n.data)), n.version, false
	m := n.meta
	if m.Mode&typeBits == typeLink {
		e.Kind = backends.Symlink
	}
	if !s.cfg.Bare || n.document {
		e.Meta = &m
	}
	return e
}

// typeBits of a POSIX mode say what a file is, typeLink that it is a symlink.
const (
	typeBits = 0o170000
	typeLink = 0o120000
)
