package syncs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sd/actions/compare"
)

// slot stands for a step that is not written yet; 0 is none. planner.steps has the number of
// the step, once it is known.
type slot int32

// always stands in planner.steps for something that needs no step.
const always = -1

// finding is what planning has found out about a name, and what the next state is to say of it.
type finding struct {
	record // that both sides have, if Keep or when Make is done

	Keep bool // it is so already
	Gone slot // when this step is done, they have the name no more in common
	Make slot // when this step is done, and Gone is not, it is so
	// From are the steps that make what a side will have: the journal knows its Version.
	From [2]slot
	Old  *record // what the last state says, which stands if nothing of the above has happened
}

const foundMagic = "sdfound1"

const (
	foundKeep = 1 << iota
	foundNew
	foundOld
)

// foundAbout is what a file of findings says of itself.
type foundAbout struct {
	Sides [2]string `json:"sides"`
	Draft string    `json:"draft"` // the plan while it is one
	Steps []int64   `json:"steps"` // by slot; 0: there is none
	Swap  bool      `json:"swap"`  // as pair.swap
	Began time.Time `json:"began"` // planning, before anything was listed
	Base  time.Time `json:"base"`  // about.Saved of the last state; zero: there was none
	// Extra are findings about names that nobody had before, in their order, as append writes.
	Extra []byte `json:"extra,omitempty"`
}

// foundWriter writes the findings of a plan.
type foundWriter struct {
	pair   *pair
	list   *listWriter
	before string
	extra  []finding
	began  time.Time
	news   bool // the next state will not be like the last
}

func (p *pair) foundPath(name string) string {
	return filepath.Join(p.dir, p.id+"."+name+".found")
}

func (p *pair) newFound(name string) (*foundWriter, error) {
	list, err := createList(p.foundPath(name), foundMagic)
	if err != nil {
		return nil, err
	}
	return &foundWriter{pair: p, list: list, began: time.Now().UTC().Truncate(time.Millisecond)}, nil
}

// add appends a finding. Keys must come in their order.
func (w *foundWriter) add(f *finding) error {
	if !f.Keep || f.Old == nil || !f.same(f.Old) {
		w.news = true
	}
	w.list.body = f.append(w.list.body, w.before)
	w.before = f.Key
	return w.list.flushBody()
}

// append writes f as the one that follows the key before.
func (f *finding) append(to []byte, before string) []byte {
	bits := uint64(0)
	if f.Keep {
		bits |= foundKeep
	}
	if f.Keep || f.Make != 0 {
		bits |= foundNew
	}
	if f.Old != nil && !f.Keep {
		bits |= foundOld
	}
	to = putKey(to, f.Key, before)
	to = binary.AppendUvarint(to, bits)
	if bits&foundNew != 0 {
		to = f.record.put(to)
	}
	if bits&foundOld != 0 {
		to = f.Old.put(to)
	}
	if !f.Keep {
		for _, s := range []slot{f.Make, f.Gone, f.From[0], f.From[1]} {
			to = binary.AppendUvarint(to, uint64(s))
		}
	}
	return to
}

func (r *record) same(o *record) bool {
	return r.Key == o.Key && r.Kind == o.Kind && r.Size == o.Size && r.Marks == o.Marks && r.HasSum == o.HasSum && r.Sum == o.Sum
}

// addExtra notes a finding about a name that comes out of its order.
func (w *foundWriter) addExtra(f finding) {
	w.extra, w.news = append(w.extra, f), true
}

// finish keeps the findings until the plan whose draft is at that path has ended as a job. They
// go by the state that was saved at base.
func (w *foundWriter) finish(draft string, steps []int64, base time.Time) error {
	slices.SortFunc(w.extra, func(a, b finding) int {
		if before(a.Key, b.Key) {
			return -1
		}
		return 1
	})
	about := foundAbout{Sides: w.pair.sides, Draft: draft, Steps: steps, Swap: w.pair.swap, Began: w.began, Base: base}
	key := ""
	for i := range w.extra {
		about.Extra = w.extra[i].append(about.Extra, key)
		key = w.extra[i].Key
	}
	return w.list.finish(about)
}

// before is the order of keys in lists: that of compare.Merge.
func before(a, b string) bool { return compare.Before(rel(a), isFolder(a), rel(b), isFolder(b)) }

// foundReader reads findings in the order of keys.
type foundReader struct {
	foundAbout
	list  *listReader
	ahead [2]*finding // of the list and of the extra ones
	extra *listReader
}

func openFound(path string) (*foundReader, error) {
	f := &foundReader{}
	list, err := openList(path, foundMagic, &f.foundAbout)
	if err != nil {
		return nil, &iofs.PathError{Op: "read", Path: path, Err: err}
	}
	f.list, f.extra = list, &listReader{file: list.file, r: bufio.NewReader(bytes.NewReader(f.Extra))}
	return f, nil
}

// next reads a finding; ok is false after the last.
func (r *foundReader) next(f *finding) (ok bool, err error) {
	for i, list := range []*listReader{r.list, r.extra} {
		if r.ahead[i] == nil && list.more() {
			r.ahead[i] = new(finding)
			list.finding(r.ahead[i])
		}
		if list.bad {
			return false, &iofs.PathError{Op: "read", Path: list.file.Name(), Err: errDamaged}
		}
	}
	i := 0
	switch {
	case r.ahead[0] == nil && r.ahead[1] == nil:
		return false, nil
	case r.ahead[0] == nil, r.ahead[1] != nil && before(r.ahead[1].Key, r.ahead[0].Key):
		i = 1
	}
	*f, r.ahead[i] = *r.ahead[i], nil
	return true, nil
}

// finding reads what append wrote.
func (l *listReader) finding(f *finding) {
	key := l.key()
	bits := l.uint()
	f.Keep = bits&foundKeep != 0
	if bits&foundNew != 0 {
		l.record(&f.record)
	}
	if bits&foundOld != 0 {
		f.Old = &record{Key: key}
		l.record(f.Old)
	}
	f.Key = key
	if !f.Keep {
		for _, s := range []*slot{&f.Make, &f.Gone, &f.From[0], &f.From[1]} {
			*s = slot(l.uint())
		}
	}
}

func (r *foundReader) close() { r.list.close() }

// founds are the paths of all findings about the pair that are not settled yet.
func (p *pair) founds() ([]string, error) {
	files, err := os.ReadDir(p.dir)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, nil
	}
	var list []string
	for _, f := range files {
		if strings.HasPrefix(f.Name(), p.id+".") && strings.HasSuffix(f.Name(), ".found") {
			list = append(list, filepath.Join(p.dir, f.Name()))
		}
	}
	return list, err
}

// foundName is the name that a file of findings has in Options.Found.
func (p *pair) foundName(path string) string {
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), p.id+"."), ".found")
}
