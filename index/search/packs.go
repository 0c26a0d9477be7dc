package search

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"sd/library"
	"sd/library/catalog"
)

// packs has the pack that is in use, and what changed since it was made.
type packs struct {
	dir     string
	library uuid.UUID
	limit   int // of files that changed; beyond, a new pack is made

	mu  sync.Mutex
	now *state
}

// state is the catalog as one snapshot of it had it. Who gets one from packs unpins its pack.
type state struct {
	id      string // the pack's; "": none was ever made
	seq     int64  // of the last change
	pack    *pack
	tree    *tree
	overlay *overlay
}

func packPath(dir, id string) string { return filepath.Join(dir, "names-"+id+".pack") }

// errStale says that there is no pack which searching would pay with.
var errStale = errors.New("the name pack is too old")

// state returns what a search that begins now has to see. It makes a new pack where that is
// missing, damaged, or so old that reading what changed would take long.
func (p *packs) state(ctx context.Context, lib *library.Library, c *catalog.Catalog) (*state, error) {
	limit := p.limit
	for try := 0; ; try++ {
		st, err := p.look(ctx, c, limit)
		if err == nil || !errors.Is(err, errStale) && !errors.Is(err, errPack) || try == 4 {
			return st, err
		}
		if errors.Is(err, os.ErrNotExist) && try == 0 {
			continue // a newer one may just have taken its place
		}
		if failed := p.mend(ctx, lib, err); failed != nil {
			if ctx.Err() != nil || limit < 0 {
				return nil, failed
			}
			limit = -1 // the old one will do
		}
	}
}

// mend makes a new pack for the reason why, unless another process just has.
func (p *packs) mend(ctx context.Context, lib *library.Library, why error) error {
	return repack(ctx, lib, func(id string, fresh int64) bool {
		return fresh > int64(p.limit) || fresh > 0 && errors.Is(why, errStale) || errors.Is(why, errPack) && !sound(ctx, lib, id)
	})
}

// look returns the state of the catalog now. It is errStale where more than limit files
// changed, unless limit is below 0; an errPack has no sound pack.
func (p *packs) look(ctx context.Context, c *catalog.Catalog, limit int) (st *state, err error) {
	err = c.View(ctx, func(v *catalog.View) error {
		id, err := v.Pack()
		if err != nil {
			return err
		}
		_, seq, err := v.Fresh(1)
		if err != nil {
			return err
		}
		if st = p.pinned(id, seq); st != nil {
			return nil
		}
		rows := 0
		if limit >= 0 {
			rows = limit + 1
		}
		list, seq, err := v.Fresh(rows)
		if err != nil {
			return err
		}
		if limit >= 0 && len(list) > limit {
			return errStale
		}
		pack, err := p.open(id)
		if err != nil {
			return err
		}
		st = &state{id: id, seq: seq, pack: pack}
		var ok bool
		if st.tree, st.overlay, ok, err = newOverlay(v, pack, list, limit); err == nil && !ok {
			err = errStale
		}
		if err != nil {
			pack.unpin()
			return err
		}
		p.keep(st)
		return nil
	})
	return st, err
}

// pinned returns the state that is kept, if it is that one.
func (p *packs) pinned(id string, seq int64) *state {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil || p.now.id != id || p.now.seq != seq {
		return nil
	}
	p.now.pack.pin()
	return p.now
}

// keep takes st for later searches.
func (p *packs) keep(st *state) {
	st.pack.pin()
	p.mu.Lock()
	before := p.now
	p.now = st
	p.mu.Unlock()
	if before != nil {
		before.pack.unpin()
	}
}

// forget drops what is kept.
func (p *packs) forget() {
	p.mu.Lock()
	before := p.now
	p.now = nil
	p.mu.Unlock()
	if before != nil {
		before.pack.unpin()
	}
}

func (p *packs) close() { p.forget() }

// open returns the pack id, pinned.
func (p *packs) open(id string) (*pack, error) {
	p.mu.Lock()
	if p.now != nil && p.now.id == id {
		defer p.mu.Unlock()
		p.now.pack.pin()
		return p.now.pack, nil
	}
	p.mu.Unlock()
	if id == "" {
		return newEmptyPack(), nil
	}
	return mapPack(p.dir, id, p.library)
}

// newEmptyPack returns the pack of a catalog of which none was made yet.
func newEmptyPack() *pack {
	p := &pack{close: func() {}, dirs: dirTable{at: []uint32{1}, text: []byte{separator}}}
	p.users.Store(1)
	return p
}

// mapPack maps the pack id of a library into memory and opens it, pinned.
func mapPack(dir, id string, library uuid.UUID) (p *pack, err error) {
	name, err := uuid.Parse(id)
	if err != nil {
		return nil, badPack("its id is none")
	}
	path := packPath(dir, id)
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.Join(badPack("it cannot be opened"), err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, errors.Join(badPack("it cannot be opened"), err)
	}
	if !fi.Mode().IsRegular() || fi.Size() < headerSize || fi.Size() != int64(int(fi.Size())) {
		return nil, badPack("it is too short")
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(fi.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, &os.PathError{Op: "mmap", Path: path, Err: err}
	}
	_ = unix.Madvise(data, unix.MADV_WILLNEED)
	unmap := func() { _ = unix.Munmap(data) }
	defer func() {
		if err != nil {
			unmap()
		}
	}()
	defer catchFault(&err)()
	if p, err = openPack(data, library, name, unmap); err != nil {
		return nil, err
	}
	p.users.Store(1)
	return p, nil
}

// pin keeps the pack's memory until as many calls of unpin. The caller has a pin already, or
// holds the lock of packs.
func (p *pack) pin() { p.users.Add(1) }

func (p *pack) unpin() {
	if p.users.Add(-1) == 0 {
		p.close()
	}
}
