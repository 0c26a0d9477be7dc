package fs

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"sd/identity"
	"sd/library/catalog"
)

// maxWholes bounds the bytes of small contents that are kept while the kernel reads them.
const maxWholes = 16 << 20

// wholes keeps the small contents that were read last, whole and compared with their ids: the
// kernel asks for a file in several pieces. Safe for concurrent use.
type wholes struct {
	mu    sync.Mutex
	bytes int
	order *list.List // of whole, used last first
	known map[catalog.Key]*list.Element
}

type whole struct {
	key  catalog.Key
	sum  identity.Sum
	data []byte
}

// get gives all bytes of a content, from memory or from c. They must not be changed.
func (w *wholes) get(ctx context.Context, n *contentNode, c *openCopy) ([]byte, error) {
	if data := w.find(n.is); data != nil {
		return data, nil
	}
	l, err := c.read(ctx, make([]byte, n.is.Size), 0)
	if err != nil {
		return nil, err
	}
	defer l.Return()
	h := identity.New()
	h.Write(l.Bytes)
	if sum := h.Sum(); sum != n.is.BLAKE3 {
		return nil, fmt.Errorf("read %s: %w", c.source.Path, &wrongBytes{n.is.BLAKE3, sum})
	}
	data := l.Bytes
	if c.file == nil {
		data = append([]byte(nil), data...) // those of the cache are lent
	}
	w.put(n.is, data)
	return data, nil
}

func (w *wholes) find(c catalog.Content) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.known[c.Key]
	if e == nil || e.Value.(whole).sum != c.BLAKE3 {
		return nil
	}
	w.order.MoveToFront(e)
	return e.Value.(whole).data
}

func (w *wholes) put(c catalog.Content, data []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known == nil {
		w.known, w.order = make(map[catalog.Key]*list.Element), list.New()
	}
	if w.known[c.Key] != nil {
		return
	}
	w.known[c.Key] = w.order.PushFront(whole{c.Key, c.BLAKE3, data})
	w.bytes += len(data)
	for w.bytes > maxWholes {
		last := w.order.Back()
		old := w.order.Remove(last).(whole)
		delete(w.known, old.key)
		w.bytes -= len(old.data)
	}
}
