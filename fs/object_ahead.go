package fs

import (
	"sd/backends"
	"sd/cache"
)

// smallFile is the size of the largest file that is read ahead as a whole.
const smallFile = 1 << 20

// order watches in which order the small files of a folder are opened.
type order = cache.Order

// warm tells whether the first bytes of a small file were fetched ahead: then nobody
// has to ask for them at open.
func (f *objectFile) warm(e *backends.Entry) bool {
	if e.Size > smallFile {
		return false
	}
	o := f.obj
	o.mu.Lock()
	file := o.file()
	o.mu.Unlock()
	return f.node.store.tree.cache.Has(file)
}

// openedInOrder notes that a file of n's folder was opened. Where the files there are
// opened one after another, as they are listed, those that follow are fetched ahead,
// many at a time: else each of them would cost its reader a round trip.
func (n *objectNode) openedInOrder(o *object, e *backends.Entry) {
	if e.Size == 0 || e.Size > smallFile {
		return
	}
	_, up := n.Parent()
	if up == nil {
		return
	}
	folder, ok := up.Operations().(*objectNode)
	if !ok {
		return
	}
	s := n.store
	dir, _, ok := o.place()
	if !ok {
		return
	}
	key := s.dirKey(dir)
	at, ok := s.tree.names.Place(key, o.label())
	if !ok {
		return
	}
	from, to := folder.order.Opened(at)
	for i := from; i < to; i++ {
		e, ok := s.tree.names.Entry(key, i)
		if !ok {
			folder.order.Stopped(i)
			return
		}
		if e.Kind != backends.File || e.Size == 0 || e.Size > smallFile {
			continue
		}
		next := s.object(dir, e.Name, &e)
		next.mu.Lock()
		file, staged := next.file(), next.staged != nil
		next.mu.Unlock()
		if !staged && !s.tree.cache.Warm(file) {
			folder.order.Stopped(i)
			return
		}
	}
}
