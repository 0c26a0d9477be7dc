package rclone

import (
	"container/list"
	"sync"
)

// objects remembers what rclone needs for reading files that were described lately.
type objects struct {
	mu    sync.Mutex
	byKey map[string]*list.Element // of seenObject
	order list.List                // the latest first
}

type seenObject struct {
	key, version string
	found        *child
	from         string // the name that it was moved from
}

const mostSeen = 20_000

func (o *objects) put(key, version string, found *child) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.byKey == nil {
		o.byKey = map[string]*list.Element{}
	}
	if e := o.byKey[key]; e != nil {
		from := ""
		if last := e.Value.(seenObject); last.found.id == found.id {
			from = last.from
		}
		e.Value = seenObject{key, version, found, from}
		o.order.MoveToFront(e)
		return
	}
	o.byKey[key] = o.order.PushFront(seenObject{key, version, found, ""})
	if o.order.Len() > mostSeen {
		last := o.order.Back()
		delete(o.byKey, last.Value.(seenObject).key)
		o.order.Remove(last)
	}
}

// get returns what was seen under a name, if it is of that version.
func (o *objects) get(key, version string) *child {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.byKey[key]
	if e == nil || version == "" || e.Value.(seenObject).version != version {
		return nil
	}
	o.order.MoveToFront(e)
	return e.Value.(seenObject).found
}

// moved notes that the file that is under a name now was moved there.
func (o *objects) moved(key, from string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.byKey[key]; e != nil {
		v := e.Value.(seenObject)
		v.from = from
		e.Value = v
	}
}

// from returns the name that the file under a name was moved from by this process, "" if it
// was not.
func (o *objects) from(key string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.byKey[key]; e != nil {
		return e.Value.(seenObject).from
	}
	return ""
}

// last returns what was seen last under a name, of whatever version.
func (o *objects) last(key string) *child {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.byKey[key]; e != nil {
		return e.Value.(seenObject).found
	}
	return nil
}

// drop forgets a file.
func (o *objects) drop(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.byKey[key]; e != nil {
		delete(o.byKey, key)
		o.order.Remove(e)
	}
}

// dropTree forgets a file or folder and all that lies below it; "" is everything.
func (o *objects) dropTree(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for k, e := range o.byKey {
		if key == "" || k == key || below(k, key) {
			delete(o.byKey, k)
			o.order.Remove(e)
		}
	}
}

// has tells whether a file of any version was seen under a name.
func (o *objects) has(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.byKey[key] != nil
}
