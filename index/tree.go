package index

import (
	"context"
	"errors"
	iofs "io/fs"
	"sync"
)

// maxOpen is how many folders a scan keeps open because it will come back to them.
const maxOpen = 256

// tree is the folders that a scan still has to visit. The last one found is visited first,
// so that few wait. Its methods are safe for concurrent use.
type tree struct {
	top int // the folder where the scan begins, open as long as the scan lasts

	mu     sync.Mutex
	more   sync.Cond
	stack  []*folder // each has subfolders that nobody has taken
	busy   int       // visitors that may still find folders
	open   int
	lowest int // those below it in stack are not open
	ended  bool
}

func newTree(top int) *tree {
	t := &tree{top: top}
	t.more.L = &t.mu
	return t
}

// push adds f's subfolders to what is to be visited. It takes over fd, which is f.
func (t *tree) push(f *folder, fd int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.fd = fd
	t.stack = append(t.stack, f)
	t.open++
	t.evict()
	t.more.Broadcast()
}

// evict closes folders that will be needed last, while too many are open.
func (t *tree) evict() {
	for ; t.open > maxOpen && t.lowest < len(t.stack); t.lowest++ {
		if f := t.stack[t.lowest]; f.fd >= 0 && f.users == 0 {
			closeFD(f.fd)
			f.fd = -1
			t.open--
		}
	}
}

// take waits for a folder to visit, and returns the one that it is in and its position there.
// False: all were visited, or the scan has ended. The caller must call done for each.
func (t *tree) take() (up *folder, pos int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.stack) == 0 && t.busy > 0 && !t.ended {
		t.more.Wait()
	}
	if len(t.stack) == 0 || t.ended {
		return nil, 0, false
	}
	up = t.stack[len(t.stack)-1]
	pos = up.next
	up.next++
	if up.next == len(up.ends) {
		t.stack[len(t.stack)-1] = nil
		t.stack = t.stack[:len(t.stack)-1]
		t.lowest = min(t.lowest, len(t.stack))
	}
	up.users++
	t.busy++
	return up, pos, true
}

// done says that a folder in up was opened, or not found.
func (t *tree) done(up *folder) {
	t.mu.Lock()
	defer t.mu.Unlock()
	up.users--
	if up.users == 0 && up.next == len(up.ends) && up.fd >= 0 {
		closeFD(up.fd)
		up.fd = -1
		t.open--
	}
}

// visited says that what take has returned was pushed, or needs not be.
func (t *tree) visited() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy--; t.busy == 0 && len(t.stack) == 0 {
		t.more.Broadcast()
	}
}

// end makes take return false.
func (t *tree) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.more.Broadcast()
}

// drop closes what is still open but the top, when nobody uses the tree any more.
func (t *tree) drop() {
	for _, f := range t.stack {
		if f.fd >= 0 {
			closeFD(f.fd)
			f.fd = -1
		}
	}
	t.stack = nil
}

// errMoved says that a folder is not where it was when the scan came through.
var errMoved = errors.New("it was moved or replaced while it was being scanned: scan again")

// hold returns the descriptor of f, which take has returned. It is good until done.
func (t *tree) hold(l *lister, f *folder) (int, error) {
	t.mu.Lock()
	fd := f.fd
	t.mu.Unlock()
	if fd >= 0 {
		return fd, nil
	}
	fd, err := t.reopen(l, f)
	if err != nil {
		return -1, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.fd >= 0 { // somebody else was faster
		closeFD(fd)
		return f.fd, nil
	}
	f.fd = fd
	t.open++
	t.lowest = 0
	t.evict()
	return fd, nil
}

// reopen opens f again, by the names of the folders from the top to it.
func (t *tree) reopen(l *lister, f *folder) (int, error) {
	var chain []*folder
	for at := f; at.up != nil; at = at.up {
		chain = append(chain, at)
	}
	at := t.top
	for i := len(chain) - 1; i >= 0; i-- {
		fd, err := openAt(at, chain[i].name)
		if at != t.top {
			closeFD(at)
		}
		if err != nil {
			return -1, err
		}
		at = fd
	}
	if at == t.top {
		return dup(at)
	}
	if f.id == (statID{}) {
		return at, nil // the first time
	}
	if id, _, _, err := l.self(at); err != nil || id != f.id {
		closeFD(at)
		return -1, errMoved
	}
	return at, nil
}

// isGone tells whether an error of opening a folder means that there is none of that name.
func isGone(err error) bool {
	return errors.Is(err, iofs.ErrNotExist) || isNoFolder(err)
}

// steering calls a Control, one function at a time.
type steering struct {
	Control
	mu sync.Mutex
}

// check blocks while the work is to pause.
func (s *steering) check(ctx context.Context) error {
	if err := ctx.Err(); err != nil || s.Check == nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Check(ctx)
}

func (s *steering) report(p Progress) {
	if s.Report == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Report(p)
}
