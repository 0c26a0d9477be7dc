package index

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"runtime"
	"sync"

	"sd/library"
)

// maxIgnoreFile is how many bytes of a .gitignore are read.
const maxIgnoreFile = 1 << 20

const ignoreFile = ".gitignore"

// walker visits local folders, several at a time, and sends what it finds to out: a folder
// always before those in it.
type walker struct {
	rules  *rules
	mounts *mounts
	tree   *tree
	steer  *steering
	out    chan *listing
	free   *sync.Pool // of *listing
	keep   bool       // listings tell what the rules leave out
}

// visitors is how many folders are read at a time: more than there are processors, for a
// disk that has to be waited for.
func visitors() int { return min(max(4, 2*runtime.GOMAXPROCS(0)), 16) }

// run visits all that is in the tree. It returns when all is sent, or at the first error of
// the steering, or when ctx ends.
func (w *walker) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range visitors() {
		wg.Go(func() {
			v := &visitor{walker: w, lister: newLister()}
			if err := v.run(ctx); err != nil {
				cancel(err)
				w.tree.end()
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// visitor is one of a walker's goroutines.
type visitor struct {
	*walker
	lister *lister
	path   []byte
	buf    []byte
	names  []dirent
	hidden map[string]bool // what is mounted in the folder and not to be touched
}

// dirent is a name as a folder tells it.
type dirent struct {
	off    uint32
	n      uint16
	raw    byte
	folder bool
}

func (v *visitor) run(ctx context.Context) error {
	for {
		if err := v.steer.check(ctx); err != nil {
			return err
		}
		up, pos, ok := v.tree.take()
		if !ok {
			return ctx.Err()
		}
		err := v.visit(ctx, up, pos)
		v.tree.visited()
		if err != nil {
			return err
		}
	}
}

// visit reads one folder. Its error is that of ctx; others are in the listing.
func (v *visitor) visit(ctx context.Context, up *folder, pos int) error {
	name := up.sub(pos)
	f := up.child(string(name[:len(name)-1]))
	f.pos = pos
	fd, err := v.tree.hold(v.lister, up)
	if err == nil {
		fd, err = openAt(fd, f.name)
	}
	v.tree.done(up)
	if err != nil {
		return v.send(ctx, v.failed(f, err))
	}
	return v.read(ctx, f, fd)
}

// read lists f, sends what it holds, and leaves its subfolders to be visited. It takes over
// the descriptor.
func (v *visitor) read(ctx context.Context, f *folder, fd int) error {
	l, err := v.list(f, fd)
	if err != nil {
		closeFD(fd)
		if errors.Is(err, errSkip) {
			v.free.Put(l)
			return nil
		}
		v.free.Put(l)
		return v.send(ctx, v.failed(f, err))
	}
	more := len(f.ends) > 0 // the recorder may own f afterwards
	if err := v.send(ctx, l); err != nil || !more {
		closeFD(fd)
		return err
	}
	v.tree.push(f, fd)
	return nil
}

func (v *visitor) send(ctx context.Context, l *listing) error {
	select {
	case v.out <- l:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errSkip says that a folder is no part of the location.
var errSkip = errors.New("not to be scanned")

// failed is the listing of a folder that could not be read.
func (v *visitor) failed(f *folder, err error) *listing {
	l := v.listing(f)
	if isGone(err) {
		l.state = vanished
		return l
	}
	l.state = unreadable
	l.problems = append(l.problems, library.Problem{Path: v.rules.place(f, nil), Op: OpList, Text: reason(err)})
	return l
}

func (w *walker) listing(f *folder) *listing {
	l, _ := w.free.Get().(*listing)
	if l == nil {
		l = &listing{}
	}
	*l = listing{dir: f, names: l.names[:0], files: l.files[:0], left: l.left[:0]}
	return l
}

// list reads an open folder.
func (v *visitor) list(f *folder, fd int) (*listing, error) {
	l := v.listing(f)
	var err error
	if f.id, l.mtime, l.ctime, err = v.lister.self(fd); err != nil {
		return l, err
	}
	if f.up != nil && f.id.mount != f.up.id.mount && v.mounts.hides(f, v.rules) || f.inner.absent() {
		return l, errSkip
	}
	v.hidden = v.mounts.in(f.id)
	v.names = v.names[:0]
	ignore := false
	err = v.lister.each(fd, func(name []byte, raw byte) {
		v.names = append(v.names, dirent{off: uint32(len(l.names)), n: uint16(len(name)), raw: raw, folder: raw == rawFolder})
		l.names = append(append(l.names, name...), 0)
		ignore = ignore || string(name) == ignoreFile || string(name) == ".git"
	})
	if err != nil {
		return l, err
	}
	v.resolve(fd, l)
	v.path = f.path(v.path[:0])
	s := surroundings{path: v.path, depth: f.depth, ignores: f.ignores}
	if ignore && v.rules.git {
		v.heed(&s, f, fd, l)
	}
	v.rules.look(&s, func(yield func([]byte, bool) bool) {
		for _, d := range v.names {
			if !yield(l.names[d.off:d.off+uint32(d.n)], d.folder) {
				return
			}
		}
	})
	for i := range v.names {
		if err := v.sort(f, fd, l, &s, &v.names[i]); err != nil {
			return l, err
		}
	}
	f.sortSubs()
	l.sort(l.files)
	l.sort(l.left)
	return l, nil
}

// resolve finds out what is a folder, on file systems whose folders do not tell.
func (v *visitor) resolve(fd int, l *listing) {
	for i := range v.names {
		d := &v.names[i]
		name := l.names[d.off : d.off+uint32(d.n)+1]
		if d.raw != rawUnknown || v.hidden[string(name[:d.n])] {
			continue
		}
		var e entry
		d.folder, _ = v.lister.look(fd, name, &e) // sort says what fails
	}
}

// heed takes over the .gitignore of a folder. A .git begins anew.
func (v *visitor) heed(s *surroundings, f *folder, fd int, l *listing) {
	var own bool
	for _, d := range v.names {
		switch string(l.names[d.off : d.off+uint32(d.n)]) {
		case ".git":
			s.ignores = nil
		case ignoreFile:
			own = true
		}
	}
	if own {
		text, err := readAt(fd, ignoreFile, maxIgnoreFile)
		switch {
		case err == nil:
			s.ignores = parseIgnores(s.ignores, len(s.path), string(text))
		case !isGone(err) && !errors.Is(err, errors.ErrUnsupported):
			l.problems = append(l.problems, library.Problem{Path: v.rules.place(f, []byte(ignoreFile)), Op: OpRules, Text: reason(err)})
		}
	}
	f.ignores = s.ignores
}

// sort puts one name into the listing where it belongs.
func (v *visitor) sort(f *folder, fd int, l *listing, s *surroundings, d *dirent) error {
	name := l.names[d.off : d.off+uint32(d.n)+1]
	bare := name[:d.n]
	e := entry{off: d.off, n: d.n}
	var out bool
	if out, v.buf = v.rules.leavesOut(s, bare, d.folder, v.buf); out || v.hidden[string(bare)] {
		if v.keep {
			e.state = leftOut
			if d.folder {
				l.left = append(l.left, e)
			} else {
				l.files = append(l.files, e)
			}
		}
		return nil
	}
	if !d.folder {
		folder, err := v.lister.look(fd, name, &e)
		if err != nil {
			return v.odd(f, l, e, err)
		}
		d.folder = folder // since it was read
	}
	if d.folder {
		f.names = append(f.names, name...)
		f.ends = append(f.ends, uint32(len(f.names)))
		return nil
	}
	l.files = append(l.files, e)
	return nil
}

// odd is what becomes of a file that could not be looked at.
func (v *visitor) odd(f *folder, l *listing, e entry, err error) error {
	if isGone(err) {
		return nil
	}
	if errors.Is(err, iofs.ErrPermission) {
		return fmt.Errorf("its files cannot be looked at: %w", err) // the folder's fault, so all have it
	}
	e.state = odd
	l.files = append(l.files, e)
	l.problems = append(l.problems, library.Problem{Path: v.rules.place(f, l.name(&e)), Op: OpStat, Text: reason(err)})
	return nil
}

// The operations of Problems.
const (
	OpList  = "list"  // a folder could not be read
	OpStat  = "stat"  // a file could not be looked at
	OpRules = "rules" // a .gitignore could not be read
)

// Ops are all operations of the problems that a scan records.
var Ops = []string{OpList, OpStat, OpRules}

// place is the path in the catalog of f, or of something in it.
func (r *rules) place(f *folder, name []byte) string {
	path := append(f.path(nil), name...)
	if len(path) > 0 && name == nil {
		path = path[:len(path)-1]
	}
	return joinPath(r.root, string(path))
}

// joinPath puts two paths of the catalog together, each of which may be empty.
func joinPath(dir, path string) string {
	switch {
	case dir == "":
		return path
	case path == "":
		return dir
	}
	return dir + "/" + path
}

// reason is what a person is told of an error, without the name, which stands beside it.
func reason(err error) string {
	switch {
	case errors.Is(err, iofs.ErrPermission):
		return "not permitted: give yourself the right to read it"
	}
	var path *iofs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}
