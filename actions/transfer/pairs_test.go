//go:build linux

package transfer_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/actions/transfer"
	"sd/backends"
	"sd/backends/mem"
)

// small allows small parts.
var small = backends.UploadLimits{MinPart: 1000}

// pairs is one world for all pairs of stores.
type pairs struct {
	*world
	backs map[string]*mem.Store
	cases int
}

func newPairs(t testing.TB) *pairs {
	p := &pairs{backs: map[string]*mem.Store{
		"a": mem.New(mem.Config{Limits: small, Account: "one"}), "peer": mem.New(mem.Config{Limits: small, Account: "one"}), "other": mem.New(mem.Config{Limits: small, Account: "two"}),
	}}
	all := map[string]backends.Backend{}
	for name, b := range p.backs {
		all[name] = b
	}
	p.world = newWorld(t, all, transfer.Config{})
	return p
}

// store is a volume by its name, else the local store.
func (w *world) store(name string) stores.Store {
	if v, ok := w.volumes[name]; ok {
		return v
	}
	return w.local
}

// asked counts the requests to all volumes.
func (p *pairs) asked() map[string]int64 {
	sum := map[string]int64{}
	for _, b := range p.backs {
		for op, n := range b.Stats().Requests {
			sum[op] += n
		}
	}
	return sum
}

// TestPairs copies from each kind of store to each other, in one piece and in parts, and counts
// what was asked for that.
func TestPairs(t *testing.T) {
	p := newPairs(t)
	for _, size := range []int{0, 1, 16 << 10, unit, unit + 1, 19*unit - 7} {
		for _, from := range []string{"local", "a", "content in a", "content here"} {
			for _, to := range []string{"local", "a", "peer", "other"} {
				if size == 0 && strings.HasPrefix(from, "content") {
					continue // the empty file has no content id
				}
				p.cases++
				t.Run(fmt.Sprintf("%d from %s to %s", size, from, to), func(t *testing.T) {
					p.TB = t
					p.pair(size, from, to)
				})
			}
		}
	}
}

func (p *pairs) pair(size int, from, to string) {
	data := noise(size, byte(p.cases))
	source, target := p.store(strings.TrimPrefix(from, "content in ")), p.store(to)
	e := p.make(source, fmt.Sprint("source", p.cases), data)
	if strings.HasPrefix(from, "content") {
		source, e = p.know(source, e.Name, data)
	}
	before := p.asked()
	task := p.task(source, e, target, fmt.Sprint("target", p.cases))
	var moved atomic.Int64
	task.Progress = func(n int64) { moved.Add(n) }
	r, err := p.Copy(p.Context(), task)
	p.must(err)
	asked := p.asked()
	maps.DeleteFunc(asked, func(op string, n int64) bool { asked[op] = n - before[op]; return asked[op] == 0 })

	p.wantCopy(target, task.Name, data)
	if got := p.entry(target, task.Name); !stores.SameVersion(r.Entry.Version, got.Version) || r.Entry.Size != int64(size) {
		p.Errorf("the Result says %+v, Stat %+v", r.Entry, got)
	}
	if moved.Load() != int64(size) {
		p.Errorf("progress of %d bytes, want %d", moved.Load(), size)
	}
	method, want := expected(from, to, size)
	if r.Method != method && !(method == steps.LocalCopy && r.Method == steps.Clone) {
		p.Errorf("done by %v, want %v", r.Method, method)
	}
	if fmt.Sprint(asked) != fmt.Sprint(want) {
		p.Errorf("asked %v, want %v", asked, want)
	}
	if r.Known && size > 0 {
		if have, err := p.Sum(p.Context(), target, r.Entry); err != nil || have != r.Sum {
			p.Errorf("the sum is said to be %v, is %v, %v", r.Sum, have, err)
		}
	}
	if list, _ := filepath.Glob(filepath.Join(p.dir, ".sd-*")); len(list) > 0 {
		p.Errorf("left behind: %q", list)
	}
	for name, b := range p.backs {
		if list := b.Uploads(); len(list) > 0 {
			p.Errorf("uploads left in %s: %q", name, list)
		}
	}
	p.must(target.Remove(p.Context(), task.Name, ""))
}

// expected is the cheapest way, and what it takes.
func expected(from, to string, size int) (steps.Method, map[string]int64) {
	here := from == "local" || from == "content here"
	parts := int64(size+unit-1) / unit
	get := map[string]int64{"GET": max(parts, 1)}
	put := map[string]int64{"PUT": 1}
	if size > unit {
		put = map[string]int64{"INITIATE": 1, "PART": parts, "COMPLETE": 1}
	}
	both := maps.Clone(get)
	maps.Copy(both, put)
	switch {
	case here && to == "local":
		return steps.LocalCopy, map[string]int64{}
	case here:
		return steps.Upload, put
	case to == "local":
		return steps.Download, get
	case to == "other":
		return steps.Stream, both
	}
	return steps.ServerCopy, map[string]int64{"COPY": 1}
}

// TestLinks keeps symbolic links as links, wherever they go.
func TestLinks(t *testing.T) {
	w := newWorld(t, map[string]backends.Backend{"a": mem.New(mem.Config{Limits: small}), "b": mem.New(mem.Config{Limits: small})}, transfer.Config{})
	a, b := w.volumes["a"], w.volumes["b"]
	const text = "../some where/ö%20"
	w.must(os.Symlink(text, w.name(w.local, "link")))
	step := func(from stores.Store, e stores.Entry, to stores.Store) stores.Entry {
		t.Helper()
		task := w.task(from, e, to, "copy")
		_, err := w.Copy(t.Context(), task)
		w.must(err)
		got := w.entry(to, task.Name)
		if got.Kind != stores.Symlink || got.Link != text {
			t.Errorf("%s is %+v, want a link to %q", to.URI(task.Name), got, text)
		}
		return got
	}
	e := step(w.local, w.entry(w.local, w.name(w.local, "link")), a)
	e = step(a, e, b)
	listed := w.listed(b, e.Name) // which does not tell that it is a link
	step(b, listed, w.local)
	if got, err := os.Readlink(w.name(w.local, "copy")); err != nil || got != text {
		t.Errorf("got %q, %v", got, err)
	}
	w.only("copy", "link")
}

// TestConditions never replaces what is not what the Task says, and leaves nothing behind.
func TestConditions(t *testing.T) {
	for _, size := range []int{100, unit + 100} {
		for _, from := range []string{"a", "local"} {
			for _, to := range []string{"b", "local"} {
				if from == "local" && to == "local" {
					continue // tested by itself
				}
				t.Run(fmt.Sprintf("%d from %s to %s", size, from, to), func(t *testing.T) { testConditions(t, size, from, to) })
			}
		}
	}
}

func testConditions(t *testing.T, size int, from, to string) {
	b := mem.New(mem.Config{Limits: small})
	w := newWorld(t, map[string]backends.Backend{"a": mem.New(mem.Config{Limits: small}), "b": b}, transfer.Config{})
	source, target := w.store(from), w.store(to)
	data, old := noise(size, 1), noise(50, 2)
	e := w.make(source, "source", data)
	there := w.make(target, "target", old)
	try := func(change func(*transfer.Task)) error {
		task := w.task(source, e, target, "target")
		change(&task)
		_, err := w.Copy(t.Context(), task)
		return err
	}
	w.changed(try(func(*transfer.Task) {}), transfer.Target)
	w.changed(try(func(k *transfer.Task) { k.Absent, k.Over = false, "stale" }), transfer.Target)
	w.changed(try(func(k *transfer.Task) { k.Source.Version = "stale" }), transfer.Source)
	w.changed(try(func(k *transfer.Task) { k.Source.Name += "-gone" }), transfer.Source)
	w.wantCopy(target, there.Name, old)
	w.must(try(func(k *transfer.Task) { k.Absent, k.Over = false, there.Version }))
	w.wantCopy(target, there.Name, data)
	w.must(target.Remove(t.Context(), there.Name, ""))
	w.changed(try(func(k *transfer.Task) { k.Absent, k.Over = false, there.Version }), transfer.Target)
	w.absent(target, there.Name)
	if list := b.Uploads(); len(list) > 0 {
		t.Errorf("uploads are left: %q", list)
	}
	if list, _ := filepath.Glob(filepath.Join(w.dir, ".sd-*")); len(list) > 0 {
		t.Errorf("left behind: %q", list)
	}
}

// TestOmit keeps no more attributes than it is asked to.
func TestOmit(t *testing.T) {
	w := newWorld(t, map[string]backends.Backend{"a": mem.New(mem.Config{Limits: small})}, transfer.Config{})
	a := w.volumes["a"]
	up := w.task(w.local, w.make(w.local, "source", noise(10, 1)), a, "target")
	up.Omit = transfer.Times | transfer.Mode | transfer.Owner | transfer.Xattrs
	r, err := w.Copy(t.Context(), up)
	w.must(err)
	if m := r.Entry.Meta; !m.ModTime.IsZero() || m.Mode&0o7777 != 0 || m.UID != nil || m.Xattrs != nil {
		t.Errorf("the object carries %+v", m)
	}
	down := w.task(a, w.make(a, "other", noise(10, 1)), w.local, "down")
	down.Omit = transfer.Times | transfer.Mode | transfer.Xattrs
	r, err = w.Copy(t.Context(), down)
	w.must(err)
	if r.Entry.ModTime.Equal(when) || r.Entry.Mode&0o777 == 0o640 {
		t.Errorf("got %+v", r.Entry)
	}
}
