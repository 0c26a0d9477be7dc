package compare

import (
	"slices"
	"strings"
)

// maxWaiting is how many entries wait for one file to be known for alone; then the store is
// asked.
const maxWaiting = 10_000

// twins renames the files that lie beside a folder of their own name, which comes later: "a" and
// "a-b" come before "a/". It keeps back such files and all that follows them, so that the order
// stays as it is. Few files have a name that others begin with and go on from by one of the
// bytes below the slash, so little waits.
type twins struct {
	on      bool
	probe   func(name string) (bool, error)
	out     func(item) error
	waiting []item
	open    []int // those of waiting that may have a folder; each begins the names after it
}

// add takes the entries in the order of their keys, odd or not.
func (t *twins) add(x item) error {
	if !t.on {
		return t.out(x)
	}
	name := x.entry.Name
	for len(t.open) > 0 {
		last := &t.waiting[t.open[len(t.open)-1]]
		if rest, ok := strings.CutPrefix(name, last.entry.Name); ok && rest != "" && rest[0] < '/' {
			break // the folder would come later still
		} else if ok && (rest == "" && x.folder() || rest != "" && rest[0] == '/') {
			last.rel, last.odd = twinOf(last), true
		}
		t.open = t.open[:len(t.open)-1]
	}
	if len(t.open) == 0 {
		if err := t.flush(); err != nil {
			return err
		}
		if x.folder() {
			return t.out(x)
		}
	}
	if !x.folder() {
		t.open = append(t.open, len(t.waiting))
	}
	t.waiting = append(t.waiting, x)
	if len(t.waiting) < maxWaiting {
		return nil
	}
	return t.ask()
}

// ask has the store tell which of the open ones have a folder, so that nothing need wait.
func (t *twins) ask() error {
	for _, i := range t.open {
		x := &t.waiting[i]
		is, err := t.probe(x.entry.Name)
		if err != nil {
			return err
		}
		if is {
			x.rel, x.odd = twinOf(x), true
		}
	}
	t.open = t.open[:0]
	return t.flush()
}

func (t *twins) flush() error {
	for i := range t.waiting {
		if err := t.out(t.waiting[i]); err != nil {
			return err
		}
	}
	t.waiting = slices.Delete(t.waiting, 0, len(t.waiting))
	return nil
}

// end takes it that nothing more comes.
func (t *twins) end() error {
	t.open = t.open[:0]
	return t.flush()
}
