package main

import (
	"context"
	"strings"

	"sd/backends"
	"sd/sdpath"
)

// shownEntry is an entry of a volume by its whole name. A twin is a file beside a
// folder of its name: it is shown under another one.
type shownEntry struct {
	whole string
	entry backends.Entry
	twin  bool
}

// shown describes s by its name below t as a mount shows it.
func (t target) shown(s shownEntry) listing {
	segments := sdpath.SplitKey(s.whole)[len(sdpath.SplitKey(t.name)):]
	for i, seg := range segments {
		segments[i] = sdpath.Escape(seg)
		if s.twin && i == len(segments)-1 {
			segments[i] = sdpath.EscapeTwin(seg)
		}
	}
	return t.listing(strings.Join(segments, "/"), s.whole, s.entry)
}

// twins finds the twins in a listing in the order of keys, where "x" comes before "x/"
// but "x-y" may come in between: it holds files back until their folder would have come.
type twins struct {
	held []shownEntry
	emit func(shownEntry) error
}

func (w *twins) hold(whole string, e backends.Entry) {
	w.held = append(w.held, shownEntry{whole: whole, entry: e})
}

// folder notes that there is a folder of that name.
func (w *twins) folder(whole string) {
	for i := range w.held {
		if w.held[i].whole == whole {
			w.held[i].twin = true
		}
	}
}

// passed emits the files whose folder cannot come any more, for the listing is at key.
func (w *twins) passed(key string) error {
	kept := w.held[:0]
	for i, h := range w.held {
		if key < h.whole+"/" {
			kept = append(kept, h)
			continue
		}
		if err := w.emit(h); err != nil {
			w.held = append(kept, w.held[i+1:]...)
			return err
		}
	}
	w.held = kept
	return nil
}

// end emits the rest.
func (w *twins) end() error {
	for _, h := range w.held {
		if err := w.emit(h); err != nil {
			return err
		}
	}
	w.held = nil
	return nil
}

// listFolder emits what a folder of the volume holds.
func (t target) listFolder(ctx context.Context, folder string, emit func(shownEntry) error) error {
	_, mayHaveTwins := t.volume.Backend.(backends.DirStater)
	pending := &twins{emit: emit}
	err := t.volume.Backend.List(ctx, folder, func(page []backends.Entry) error {
		folders := map[string]bool{}
		last := ""
		for _, e := range page {
			whole := sdpath.JoinKey(folder, e.Name)
			if e.Kind == backends.Dir {
				folders[whole] = true
				whole += "/"
			}
			last = max(last, whole)
		}
		for i := range pending.held {
			pending.held[i].twin = pending.held[i].twin || folders[pending.held[i].whole]
		}
		for _, e := range page {
			s := shownEntry{whole: sdpath.JoinKey(folder, e.Name), entry: e}
			if s.twin = e.Kind != backends.Dir && folders[s.whole]; !s.twin && mayHaveTwins && e.Kind != backends.Dir {
				pending.hold(s.whole, e)
			} else if err := emit(s); err != nil {
				return err
			}
		}
		return pending.passed(last)
	})
	if err != nil {
		return err
	}
	return pending.end()
}

// lastShown is the last segment of a key as it is shown; "/" for the root.
func lastShown(key string) string {
	segments := sdpath.SplitKey(key)
	if len(segments) == 0 {
		return "/"
	}
	return sdpath.Escape(segments[len(segments)-1])
}

// isTwin says whether a path below a mountpoint means a file beside a folder of its
// name.
func isTwin(path string) bool {
	_, twin, _ := sdpath.Unescape(path[strings.LastIndexByte(path, '/')+1:])
	return twin
}
