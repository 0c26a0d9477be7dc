//go:build unix

package stores

import (
	"io/fs"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	chunkRows = 512     // how many entries of a folder are looked at in one go
	maxAhead  = 1 << 15 // how many entries are known before they are wanted, about
	maxOpen   = 512     // how many folders are held open; further ones are opened anew when needed
)

// folder is one that a Walk reads, part by part.
type folder struct {
	up    *folder
	name  string
	path  string // whole name and a slash
	names []byte // the keys of all that is in it, each with a 0 behind it
	order []dirent

	// Guarded by localTree.mu.
	busy    bool // somebody reads the next part
	dropped bool // nobody wants it any more
	listed  bool // order is complete
	err     error
	at      int     // how far into order it was read
	chunks  [][]row // what was read and not taken
	fd      int     // -1: not open
	users   int     // why it should be open: itself while parts are to be read, folders in it that are not opened yet
}

// dirent is a key in folder.names.
type dirent struct {
	off uint32
	n   uint16
	dir bool
}

// row is one entry of a folder.
type row struct {
	key                        []byte // in folder.names
	mode, uid, gid             uint32
	size, mtime, ctime, blocks int64
	inode, dev, links          uint64
	link                       string
	sub                        *folder // of a folder that is to be walked
	err                        error
}

// localTree reads folders ahead of the one goroutine that wants them, in about the order in
// which it will. What is wanted and not begun that goroutine reads itself, so that nothing
// ever waits for room.
type localTree struct {
	foreign map[string]bool // paths that are not entered
	deep    bool
	maxOpen int
	top     *folder

	mu    sync.Mutex // guards what follows
	work  sync.Cond  // for readers: stack, ahead or stop has changed
	ready sync.Cond  // for the one that wants entries: a part was read
	stack []*folder  // whose next part can be read, the first to be wanted on top
	ahead int        // rows in all chunks
	open  map[*folder]struct{}
	stop  bool
}

// newLocalTree begins at an open folder, which it takes over.
func newLocalTree(dir string, fd int, deep bool, foreign map[string]bool, maxOpen int) *localTree {
	t := &localTree{foreign: foreign, deep: deep, maxOpen: maxOpen, open: make(map[*folder]struct{})}
	t.work.L, t.ready.L = &t.mu, &t.mu
	t.top = &folder{path: strings.TrimSuffix(dir, "/") + "/", fd: fd, users: 2} // one use is the tree's
	t.open[t.top] = struct{}{}
	return t
}

// readAhead reads until end is called.
func (t *localTree) readAhead() {
	l := newLister()
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		for !t.stop && (len(t.stack) == 0 || t.ahead >= maxAhead) {
			t.work.Wait()
		}
		if t.stop {
			return
		}
		f := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		if !f.busy && !f.dropped && !f.complete() {
			t.advance(f, l)
		}
	}
}

// next returns the next part of f in order, nil at its end.
func (t *localTree) next(f *folder, l *lister) ([]row, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(f.chunks) == 0 {
		switch {
		case f.err != nil:
			return nil, f.err
		case f.complete():
			return nil, nil
		case f.busy:
			t.ready.Wait()
		default:
			t.advance(f, l)
		}
	}
	rows := f.chunks[0]
	f.chunks = f.chunks[1:]
	if t.ahead -= len(rows); t.ahead < maxAhead {
		t.work.Signal()
	}
	return rows, nil
}

// drop says that nobody will ask for f, nor for what is below it.
func (t *localTree) drop(f *folder) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.dropped = true
	if !f.busy { // else who reads it finds out
		t.discard(f)
	}
}

// discard frees what is held for a folder that was dropped.
func (t *localTree) discard(f *folder) {
	switch {
	case f.complete():
	case f.listed:
		f.at = len(f.order)
		t.release(f)
	default:
		f.err = fs.SkipDir
		t.release(f.up)
	}
	chunks := f.chunks
	f.chunks = nil
	for _, rows := range chunks {
		t.ahead -= len(rows)
		for i := range rows {
			if sub := rows[i].sub; sub != nil {
				sub.dropped = true
				if !sub.busy {
					t.discard(sub)
				}
			}
		}
	}
}

// end has all readers return.
func (t *localTree) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop = true
	t.work.Broadcast()
}

// close closes what is open. All readers have returned.
func (t *localTree) close() {
	for f := range t.open {
		unix.Close(f.fd)
	}
}

// complete tells whether all of f was read.
func (f *folder) complete() bool { return f.err != nil || f.listed && f.at == len(f.order) }

// advance reads the next part of f. It unlocks t meanwhile.
func (t *localTree) advance(f *folder, l *lister) {
	f.busy = true
	fd, first := f.fd, !f.listed
	t.mu.Unlock()
	var err error
	if fd < 0 {
		fd, err = t.hold(f, first)
	}
	if err == nil && first {
		err = f.list(fd, l)
	}
	var rows []row
	if err == nil {
		rows, err = t.fill(f, fd, l)
	}
	t.mu.Lock()
	f.busy = false
	if first && f.up != nil {
		t.release(f.up)
	}
	f.listed, f.err = f.listed || err == nil, err
	if err == nil {
		f.at = min(f.at+chunkRows, len(f.order))
		t.ahead += len(rows)
		f.chunks = append(f.chunks, rows)
	}
	if !f.complete() {
		t.stack = append(t.stack, f)
	}
	for i := len(rows) - 1; i >= 0; i-- {
		if sub := rows[i].sub; sub != nil {
			f.users++
			t.stack = append(t.stack, sub)
		}
	}
	t.keep(f, fd)
	if f.complete() {
		t.release(f)
	}
	if f.dropped {
		t.discard(f)
	}
	t.ready.Signal()
	for range min(len(t.stack), 2) {
		t.work.Signal()
	}
}

// keep leaves f open, if that is worth it.
func (t *localTree) keep(f *folder, fd int) {
	if fd < 0 || f.fd >= 0 {
		return
	}
	if f.complete() && f.users == 1 || len(t.open) >= t.maxOpen {
		unix.Close(fd)
		return
	}
	f.fd = fd
	t.open[f] = struct{}{}
}

// release says that one thing less needs f to be open.
func (t *localTree) release(f *folder) {
	if f.users--; f.users == 0 && f.fd >= 0 {
		unix.Close(f.fd)
		f.fd = -1
		delete(t.open, f)
	}
}

// hold opens f, by the folder above it, or where that is closed by all above it. The first
// time the folder above is not closed meanwhile, for f is a user of it.
func (t *localTree) hold(f *folder, first bool) (fd int, err error) {
	if first {
		t.mu.Lock()
		up := f.up.fd
		t.mu.Unlock()
		if up >= 0 {
			return openFolder(up, f.name)
		}
	}
	var way []*folder
	for up := f; up != t.top; up = up.up {
		way = append(way, up)
	}
	fd = t.top.fd
	for i := len(way) - 1; i >= 0; i-- {
		next, err := openFolder(fd, way[i].name)
		if fd != t.top.fd {
			unix.Close(fd)
		}
		if err != nil {
			return -1, err
		}
		fd = next
	}
	return fd, nil
}
