// Package search finds files and folders by name. It keeps a name pack beside the library's
// database, a file with the names of all that is indexed, and reads all of it for each query; what
// changed since the pack was made it takes from the catalog. So a change that was
// committed is found by the next search.
package search

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// Searcher searches a library. Its methods are safe for concurrent use, also while this or
// another process changes the catalog.
type Searcher struct {
	lib      *library.Library
	catalog  *catalog.Catalog
	resolver *resolver.Resolver
	packs    packs
	bits     sync.Pool // of *[]uint64, see tree.bits
}

// Stats says what a search has done.
type Stats struct {
	Entries int64 // files and folders that there are
	Matches int64 // how many of them the query fits; with a limit, not all were handed out
	Took    time.Duration
}

// Open returns a Searcher. It reads nothing yet. The caller closes it, before lib and r.
func Open(lib *library.Library, r *resolver.Resolver) (*Searcher, error) {
	info, err := lib.Info(context.Background())
	if err != nil {
		return nil, err
	}
	return &Searcher{lib: lib, catalog: lib.Catalog(), resolver: r, packs: packs{dir: lib.Dir(), library: info.ID, limit: freshFiles}}, nil
}

// Close ends the use of s. Searches that still run end as they would.
func (s *Searcher) Close() error {
	s.packs.close()
	return nil
}

// Search hands the hits of q to yield: the q.Limit best, the best first, or all, in no order
// of rank, as they are found. An error of yield ends the search and comes back as it is. Where
// the name pack is missing or very old, Search makes a new one first, which takes seconds for millions
// of files. Errors that a user can act on: *QueryError, *PlaceError, and those of resolver.Placed
// for q.In.
func (s *Searcher) Search(ctx context.Context, q Query, yield func(Hit) error) (Stats, error) {
	began := time.Now()
	m, err := compile(q)
	if err != nil {
		return Stats{}, err
	}
	in, err := s.places(ctx, q.In)
	if err != nil {
		return Stats{}, err
	}
	for try := 0; ; try++ {
		stats, given, err := s.once(ctx, q, m, in, yield)
		stats.Took = time.Since(began)
		if !errors.Is(err, errPack) || given || try == 3 {
			return stats, err
		}
		s.packs.forget()
		if err := s.packs.mend(ctx, s.lib, err); err != nil {
			return stats, err
		}
	}
}

// PlaceError says that a folder to look in is not indexed.
type PlaceError struct{ Path sdpath.Path }

func (e *PlaceError) Error() string {
	return fmt.Sprintf("%s is not a folder of the index: add it with 'sd location add'", e.Path)
}

// places returns the ids of the folders in which to look.
func (s *Searcher) places(ctx context.Context, in []sdpath.Path) (ids []catalog.FolderID, err error) {
	for _, p := range in {
		place, dir, err := s.resolver.Placed(p)
		if err != nil {
			return nil, err
		}
		f, err := s.catalog.FindFolder(ctx, place, dir)
		if errors.Is(err, iofs.ErrNotExist) {
			return nil, &PlaceError{p}
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, f.ID)
	}
	return ids, nil
}

// once searches one state of the catalog. given tells whether yield was called.
func (s *Searcher) once(ctx context.Context, q Query, m *matcher, in []catalog.FolderID, yield func(Hit) error) (stats Stats, given bool, err error) {
	st, err := s.packs.state(ctx, s.lib, s.catalog)
	if err != nil {
		return stats, false, err
	}
	defer st.pack.unpin()
	defer catchFault(&err)()
	stats.Entries = int64(st.pack.header.files) + int64(len(st.tree.parent)) + int64(len(st.overlay.files))
	sc := &scan{m: m, tree: st.tree, overlay: st.overlay, pack: st.pack}
	buf, _ := s.bits.Get().(*[]uint64)
	if buf == nil {
		buf = new([]uint64)
	}
	defer s.bits.Put(buf)
	*buf = st.tree.bits(m, s.tops(m, st.tree, q.In), st.tree.numbers(in), *buf)
	sc.setBits(*buf)
	h := sc.hits(s.resolver.URI)
	give := func(hit Hit) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		given = true
		return yield(hit)
	}
	if q.Content {
		batch := s.contents(ctx, give)
		give = batch.add
		defer func() {
			if err == nil {
				err = batch.flush()
			}
		}()
	}
	if q.Limit <= 0 {
		stats.Matches, err = sc.all(ctx, func(c candidate) error {
			hit, err := h.hit(&c)
			if err != nil {
				return err
			}
			return give(hit)
		})
		return stats, given, err
	}
	best, matches, err := sc.best(ctx, q.Limit)
	stats.Matches = matches
	if err != nil {
		return stats, false, err
	}
	list, err := h.inOrder(best)
	for i := 0; i < len(list) && err == nil; i++ {
		err = give(list[i])
	}
	return stats, given, err
}

// setBits takes the bits of all folders.
func (s *scan) setBits(bits []uint64) {
	s.bits, s.alike = bits, s.tree.marks == nil && len(bits) > 0
	for i := 1; i < len(bits) && s.alike; i++ {
		s.alike = bits[i] == bits[0]
	}
}

// tops returns the bits of the tops of all places. A place that has no URI has none.
func (s *Searcher) tops(m *matcher, t *tree, in []sdpath.Path) map[int32]uint64 {
	tops := map[int32]uint64{}
	for i, place := range t.places {
		p, err := s.resolver.URI(place, "")
		if err != nil || t.mark(i)&markGone != 0 {
			continue
		}
		bits := alive | m.start
		for k := range m.paths {
			bits |= m.paths[k].start()
		}
		if c, ok := p.(sdpath.Cloud); ok { // the name of its mount point stands in all its paths
			name := fold(nil, c.Identifier)
			bits |= m.walk(alive|m.start, m.ofName(name), name)
		}
		if in == nil {
			bits |= m.inside
		}
		tops[i] = bits
	}
	return tops
}

// numbers returns the numbers of folders as a set.
func (t *tree) numbers(ids []catalog.FolderID) map[int32]bool {
	if len(ids) == 0 {
		return nil
	}
	set := map[int32]bool{}
	for i := range t.parent {
		if slices.Contains(ids, t.id(int32(i))) {
			set[int32(i)] = true
		}
	}
	return set
}

// all hands all matches to emit, on this goroutine. All blocks are found sound before.
func (s *scan) all(ctx context.Context, emit func(candidate) error) (matches int64, err error) {
	if err := s.pack.check(); err != nil {
		return 0, err
	}
	w := s.worker(0, emit)
	if s.m.folders {
		err = w.scanFolders()
	}
	if s.m.files && err == nil {
		err = w.scanFresh()
	}
	for i := 0; s.m.files && i < len(s.pack.blocks) && err == nil; i++ {
		if err = ctx.Err(); err == nil {
			err = w.look(i)
		}
	}
	return w.matches, err
}

// blocksEach is how many blocks are enough work for another goroutine.
const blocksEach = 8

// best returns the limit best matches in their order, and how many there are.
func (s *scan) best(ctx context.Context, limit int) (list []candidate, matches int64, err error) {
	workers := make([]*worker, max(1, min(runtime.GOMAXPROCS(0), len(s.pack.blocks)/blocksEach)))
	var next atomic.Int64
	var wait sync.WaitGroup
	for i := range workers {
		w := s.worker(limit, nil)
		workers[i] = w
		wait.Go(func() {
			defer catchFault(&w.err)()
			if i == 0 && s.m.folders {
				w.err = w.scanFolders()
			}
			if i == 0 && s.m.files && w.err == nil {
				w.err = w.scanFresh()
			}
			for s.m.files && w.err == nil && ctx.Err() == nil {
				b := int(next.Add(1)) - 1
				if b >= len(s.pack.blocks) {
					return
				}
				w.err = w.look(b)
			}
		})
	}
	wait.Wait()
	all := &workers[0].top
	for i, w := range workers {
		if w.err != nil && err == nil {
			err = w.err
		}
		matches += w.matches
		if i > 0 {
			for _, c := range w.top.heap {
				all.offer(c)
			}
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, 0, err
	}
	slices.SortFunc(all.heap, func(a, b candidate) int {
		if all.better(&a, &b) {
			return -1
		}
		return 1
	})
	return all.heap, matches, nil
}

// catchFault makes an error of a pack's bytes that cannot be read: its disk may fail, or somebody may cut
// the file. The function it returns is to be deferred.
func catchFault(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		r := recover()
		if r == nil {
			return
		}
		if _, fault := r.(interface{ Addr() uintptr }); !fault {
			panic(r)
		}
		*err = badPack("it cannot be read")
	}
}
