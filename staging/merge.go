package staging

import (
	"errors"
	"io"
	"math"
)

const (
	mergeBytes = 16 << 20 // a layer of up to this many bytes is merged at once
	maxLayers  = 8        // more are merged whatever they hold
)

// compact merges layers that lie over others, where nobody uploads them. It needs
// journal. After each step the record that is on the disk shows the same bytes as
// before: a layer below changes only where the one above hides it, and that one goes
// when a record is there that does not name it.
func (f *File) compact() {
	for {
		lower, upper := f.mergeable()
		if upper == nil {
			return
		}
		switch err := f.merge(lower, upper); {
		case err == errInUse:
			return
		case err != nil:
			f.store.cfg.Log.Warn("staged layers were not merged; nothing is lost", "error", err)
			return
		}
	}
}

var errInUse = errors.New("in use")

// mergeable returns two neighbours that are worth merging, or nil.
func (f *File) mergeable() (lower, upper *layer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.layers) - 1; i > 0; i-- {
		lower, upper := f.layers[i-1], f.layers[i]
		if lower.users > 0 {
			return nil, nil
		}
		if lower.acked == upper.acked && upper.users == 0 && (upper.paid <= mergeBytes || len(f.layers) > maxLayers) {
			return lower, upper
		}
	}
	return nil, nil
}

// merge puts what upper shows into lower, and takes upper out.
func (f *File) merge(lower, upper *layer) error {
	f.io.Lock()
	f.mu.Lock()
	lower.users++
	upper.users++
	valid := append(ranges(nil), upper.valid...)
	under, shrinks := upper.under, upper.under < lower.size
	var err error
	if lower.soiled {
		err = lower.clean()
	}
	lower.soiled = true
	if err == nil && shrinks {
		err = lower.file.Truncate(under)
	}
	f.mu.Unlock()
	f.io.Unlock()
	buf := make([]byte, 256<<10)
	for _, s := range valid {
		if err == nil {
			_, err = io.CopyBuffer(struct{ io.Writer }{io.NewOffsetWriter(lower.file, s.off)},
				struct{ io.Reader }{io.NewSectionReader(upper.file, s.off, s.end-s.off)}, buf)
		}
	}

	f.io.Lock()
	defer f.io.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	lower.users--
	upper.users--
	if err == nil && lower.users+upper.users > 0 {
		return errInUse // a commit began; what was copied is hidden
	}
	if err == nil {
		err = lower.file.Truncate(upper.size)
	}
	if err != nil {
		return full(err)
	}
	lower.soiled = false
	paid := lower.paid
	lower.valid.remove(upper.under, math.MaxInt64)
	for _, s := range valid {
		lower.valid.add(s.off, s.end)
	}
	lower.paid = lower.valid.bytes()
	f.store.budget.release(paid - lower.paid)
	lower.under, lower.size = min(lower.under, upper.under), upper.size
	lower.synced.Store(false)
	var rest []*layer
	for _, l := range f.layers {
		if l != upper {
			rest = append(rest, l)
		}
	}
	f.layers = rest
	if upper.acked {
		f.obsolete = append(f.obsolete, upper)
		return nil
	}
	f.drop(upper)
	return nil
}
