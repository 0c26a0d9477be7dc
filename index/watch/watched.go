package watch

import "path/filepath"

// watched is a set of folders, by absolute path, that finds those below one without looking
// at the others: whole trees get other names while hundreds of thousands are watched. The
// zero value is empty. It is not safe for concurrent use.
type watched struct {
	n      int
	around map[string]*watchedFolder // those in the set and all above them
}

type watchedFolder struct {
	in    bool                // the set
	below map[string]struct{} // those of around that are right below it
}

func (w *watched) len() int { return w.n }

func (w *watched) has(path string) bool {
	f := w.around[path]
	return f != nil && f.in
}

func (w *watched) add(path string) {
	if f := w.around[path]; f != nil {
		if !f.in {
			f.in = true
			w.n++
		}
		return
	}
	if w.around == nil {
		w.around = map[string]*watchedFolder{}
	}
	w.n++
	f := &watchedFolder{in: true}
	for {
		w.around[path] = f
		up := filepath.Dir(path)
		if up == path {
			return
		}
		above := w.around[up]
		known := above != nil
		if !known {
			above = &watchedFolder{}
		}
		if above.below == nil {
			above.below = map[string]struct{}{}
		}
		above.below[path] = struct{}{}
		if known {
			return
		}
		path, f = up, above
	}
}

func (w *watched) remove(path string) {
	f := w.around[path]
	if f == nil || !f.in {
		return
	}
	f.in = false
	w.n--
	for !f.in && len(f.below) == 0 {
		delete(w.around, path)
		up := filepath.Dir(path)
		if up == path {
			return
		}
		f = w.around[up]
		delete(f.below, path)
		path = up
	}
}

// from returns those of the set that are path or below it, in no order.
func (w *watched) from(path string) []string {
	f := w.around[path]
	if f == nil {
		return nil
	}
	var list []string
	if f.in {
		list = append(list, path)
	}
	for sub := range f.below {
		list = append(list, w.from(sub)...)
	}
	return list
}
