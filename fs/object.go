package fs

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"weak"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"sd/backends"
	"sd/cache"
	"sd/staging"
)

// object is one file of a store as this mount knows it. All nodes and handles of the
// file share it, and it is the file's identity: what is written here keeps it, and
// what somebody else writes at the provider is another object of the same name. So
// the pages, sizes and handles of two versions that did not come from one another
// never meet.
type object struct {
	store    *store
	ino, gen uint64
	link     bool                      // a symbolic link, for good
	locks    atomic.Pointer[fileLocks] // nil before the first
	opened   atomic.Bool               // the kernel may hold pages of it
	turn     chan struct{}             // held while o is being staged, renamed or removed

	mu       sync.Mutex
	dir, seg string // where it is
	gone     bool   // removed, replaced, or overtaken by another version: it has no name here
	entry    backends.Entry
	content  int            // changes with the bytes
	past     []string       // versions that ours have replaced: a late reply may still tell of them
	told     string         // the version of which the listings were told,
	toldMeta *backends.Meta // and what it carries
	checked  time.Time      // when the provider was last asked for it alone
	handles  int
	writers  int
	passing  int           // handles for which the kernel reads a file on disk by itself
	staged   *staging.File // what is written here; nil where that is nothing
	base     *cache.Reader // of what is under it
	lent     []*object     // those that show bytes of it: see copyFrom
	lender   *object       // it shows bytes of that one, or did
	failed   error         // why the last commit failed
}

// name is the whole name in the store.
func (o *object) name() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return join(o.dir, o.seg)
}

// place tells where the object is; false if it has no name any more.
func (o *object) place() (dir, seg string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dir, o.seg, !o.gone
}

// identity is what the kernel knows the object by.
func (o *object) identity() fusefs.StableAttr {
	mode := uint32(syscall.S_IFREG)
	if o.link {
		mode = syscall.S_IFLNK
	}
	return fusefs.StableAttr{Mode: mode, Ino: o.ino, Gen: o.gen}
}

// is tells whether e describes o, or a version that o has left behind.
func (o *object) is(e *backends.Entry) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.gone || o.link != (e.Kind == backends.Symlink):
		return false
	case o.staged != nil && o.staged.Dirty():
		return true
	}
	// An entry without a version was noted here, before the provider had the file.
	return o.present().Version == e.Version || e.Version == "" || slices.Contains(o.past, e.Version)
}

// present is the last version that is known to be at the provider. o.mu is held.
func (o *object) present() *backends.Entry {
	if o.staged != nil {
		// A version may stay the same where only what the object carries has changed.
		if e, ok := o.staged.Entry(); ok && (e.Version != o.entry.Version || e.Meta != o.entry.Meta && e.Meta != nil) {
			o.replaced(e)
		}
	}
	return &o.entry
}

// maxPast is how many versions of its past an object remembers.
const maxPast = 16

// replaced notes a version that came from here. o.mu is held.
func (o *object) replaced(e backends.Entry) {
	if o.entry.Version != "" && o.entry.Version != e.Version {
		o.past = append(o.past, o.entry.Version)
		if len(o.past) > maxPast {
			o.past = o.past[1:]
		}
	}
	if e.Meta == nil {
		e.Meta = o.entry.Meta
	}
	o.content++
	o.entry, o.checked = e, time.Now()
}

// sameAs notes that the bytes of o have another version now, or lie elsewhere: it was
// renamed, or given other metadata. o.mu is held.
func (o *object) sameAs(e backends.Entry) {
	content := o.content
	o.replaced(e)
	o.content, o.told = content, e.Version
}

// objectTable finds the objects of a store by name. Those that nobody knows and that
// hold nothing are forgotten by the garbage collector. Safe for concurrent use.
type objectTable struct {
	fold folding

	mu     sync.Mutex
	byName map[string]weak.Pointer[object] // by folded name, as is moved
	dirty  map[*object]struct{}            // those with something staged
	moved  map[string]weak.Pointer[object] // those that took their number with them from that name
	lends  map[*object]struct{}            // those of which others may show bytes
}

// objectGens numbers objects, so that no two of a process are the same to the kernel.
var objectGens atomic.Uint64

// find gives the object of that name, or nil where none is known.
func (t *objectTable) find(name string) *object {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byName[t.fold.of(name)].Value()
}

// put makes o the object of its name; one that had the name has none any more.
func (t *objectTable) put(o *object) {
	t.mu.Lock()
	old := t.putLocked(o)
	t.mu.Unlock()
	old.letGo()
}

// putLocked is put with mu held. The caller lets go of the object it returns, which may
// be nil, when mu is not.
func (t *objectTable) putLocked(o *object) (old *object) {
	name := t.fold.of(o.name())
	if old = t.byName[name].Value(); old == o {
		old = nil
	}
	if old != nil {
		old.mu.Lock()
		old.gone = true
		old.mu.Unlock()
	}
	if t.byName == nil {
		t.byName = make(map[string]weak.Pointer[object])
	}
	t.byName[name] = weak.Make(o)
	return old
}

// remove takes o off its name.
func (t *objectTable) remove(o *object) {
	defer o.letGo()
	t.mu.Lock()
	defer t.mu.Unlock()
	if name := t.fold.of(o.name()); t.byName[name].Value() == o {
		delete(t.byName, name)
	}
	o.mu.Lock()
	o.gone = true
	o.mu.Unlock()
}

// move gives o another name; an object that had it has none any more.
func (t *objectTable) move(o *object, dir, seg string) {
	t.mu.Lock()
	name, newName := t.fold.of(o.name()), t.fold.of(join(dir, seg))
	if t.byName[name].Value() == o {
		delete(t.byName, name)
	}
	if name != newName && o.ino == cloudIno(o.store.key, name) {
		if t.moved == nil {
			t.moved = make(map[string]weak.Pointer[object])
		}
		t.moved[name] = weak.Make(o)
		runtime.AddCleanup(o, t.unmove, name)
	}
	runtime.AddCleanup(o, t.forget, newName)
	o.mu.Lock()
	o.dir, o.seg = dir, seg
	o.mu.Unlock()
	old := t.putLocked(o)
	t.mu.Unlock()
	old.letGo()
}

// forget takes off a name what is no more.
func (t *objectTable) forget(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w, ok := t.byName[name]; ok && w.Value() == nil {
		delete(t.byName, name)
	}
}

// unmove forgets that an object, which is no more, was renamed from a name.
func (t *objectTable) unmove(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w, ok := t.moved[name]; ok && w.Value() == nil {
		delete(t.moved, name)
	}
}

// below gives the objects in and below a folder.
func (t *objectTable) below(dir string) []*object {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []*object
	dir = t.fold.of(dir)
	for name, w := range t.byName {
		if dir == "" || strings.HasPrefix(name, dir+"/") {
			if o := w.Value(); o != nil {
				found = append(found, o)
			}
		}
	}
	return found
}

// hold keeps o as long as it has something staged.
func (t *objectTable) hold(o *object) {
	t.mu.Lock()
	defer t.mu.Unlock()
	staged := o.stagedFile() != nil
	if t.dirty == nil {
		t.dirty = make(map[*object]struct{})
	}
	if staged {
		t.dirty[o] = struct{}{}
	} else {
		delete(t.dirty, o)
	}
}

// unsent gives the objects directly in a folder of which the provider's listing does
// not tell the truth, because something of them is here alone.
func (t *objectTable) unsent(dir string) []*object {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []*object
	for o := range t.dirty {
		if d, _, ok := o.place(); ok && t.fold.same(d, dir) && o.unsent() {
			found = append(found, o)
		}
	}
	return found
}

// unsentBelow gives the objects in and below a folder of which something is here alone.
func (t *objectTable) unsentBelow(dir string) []*object {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []*object
	for o := range t.dirty {
		if d, _, ok := o.place(); ok && t.fold.within(d, dir) && o.unsent() {
			found = append(found, o)
		}
	}
	return found
}

func (o *object) unsent() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.staged != nil && o.staged.Dirty()
}

// object gives the object that a reply of the store is about.
func (s *store) object(dir, seg string, e *backends.Entry) *object {
	t := &s.objects
	t.mu.Lock()
	if o := t.byName[t.fold.of(join(dir, seg))].Value(); o != nil && o.is(e) {
		if t.fold != nil {
			o.spelled(dir, seg)
		}
		t.mu.Unlock()
		o.learn(e)
		return o
	}
	o := s.newObject(dir, seg, *e)
	old := t.putLocked(o)
	t.mu.Unlock()
	old.letGo()
	return o
}

// create makes an object that is not in the table yet.
func (t *objectTable) create(s *store, dir, seg string, e backends.Entry) *object {
	t.mu.Lock()
	defer t.mu.Unlock()
	return s.newObject(dir, seg, e)
}

// newObject makes an object. The caller puts it into the table, whose lock it holds
// or whose other users cannot know of it.
func (s *store) newObject(dir, seg string, e backends.Entry) *object {
	name := join(dir, seg)
	t := &s.objects
	gen := objectGens.Add(1)
	folded := t.fold.of(name)
	ino := cloudIno(s.key, folded)
	if t.moved[folded].Value() != nil {
		ino = cloudIno(s.key, fmt.Sprint(folded, "\x00", gen)) // that one has the number
	}
	o := &object{store: s, ino: ino, gen: gen, dir: dir, seg: seg, entry: e, told: e.Version, link: e.Kind == backends.Symlink, turn: make(chan struct{}, 1)}
	o.entry.Name, o.entry.Shown = name, ""
	runtime.AddCleanup(o, t.forget, folded)
	return o
}

// spelled notes the case in which the store has the name of o.
func (o *object) spelled(dir, seg string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.staged == nil {
		o.dir, o.seg = dir, seg
	}
}

// learn takes over what a reply about the same version knows besides.
func (o *object) learn(e *backends.Entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.present().Version == e.Version && e.Meta != nil && (o.entry.Meta == nil || o.entry.Meta.LinkTarget == "" && o.entry.Meta.BLAKE3 == "") {
		o.entry.Meta = e.Meta
	}
}

// cloudIno numbers a name of a volume. Names may share a number by chance only, and
// then their generations differ.
func cloudIno(volume, name string) uint64 {
	id := cache.NewID(volume, name, "")
	return inoCloud | binary.LittleEndian.Uint64(id[:8])&(inoCloud-1)
}
