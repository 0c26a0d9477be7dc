package search

import (
	"bytes"
	"cmp"
	"strings"
)

// scanFresh looks through the files that the pack does not have as they are.
func (w *worker) scanFresh() error {
	m := w.m
	for i := range w.overlay.files {
		f := &w.overlay.files[i]
		above := w.bits[f.folder]
		if above&alive == 0 || above&m.inside == 0 || !m.fits(above, f.folded) || !m.ext(f.folded) {
			continue
		}
		at := seconds(f.file.ModTime)
		if !m.kind(f.file.Kind) || !m.size(f.file.Size) || !m.time(at) {
			continue
		}
		err := w.take(candidate{key: keyOf(m.rank(f.folded), f.folded), time: at, folder: f.folder, from: fromFresh, entry: int32(i)})
		if err != nil {
			return err
		}
	}
	return nil
}

// scanFolders looks through the folders themselves.
func (w *worker) scanFolders() error {
	m, t := w.m, w.tree
	wanted := m.want &^ m.inside
	for i := range t.parent {
		parent := t.parent[i]
		if parent < 0 || w.bits[i]&wanted != wanted || w.bits[parent]&m.inside == 0 || w.bits[i]&alive == 0 {
			continue
		}
		n := int32(i)
		if m.timed && !m.time(t.time(n)) {
			continue
		}
		name := t.folded(n)
		if !m.globsFit(name) {
			continue
		}
		if err := w.take(candidate{key: keyOf(m.rank(name), name), time: t.time(n), folder: parent, from: fromFolders, entry: n}); err != nil {
			return err
		}
	}
	return nil
}

// take counts a match and hands it on.
func (w *worker) take(c candidate) error {
	w.matches++
	if w.emit != nil {
		return w.emit(c)
	}
	if c.key <= w.top.worst() {
		w.top.offer(c)
	}
	return nil
}

// less decides between candidates of equal rank, length and time: by folder, then by name; folders are
// before files.
func (s *scan) less(a, b *candidate) bool {
	if n := cmp.Or(s.tree.compare(a.folder, b.folder), bytes.Compare(s.folded(a), s.folded(b))); n != 0 {
		return n < 0
	}
	if n := strings.Compare(s.name(a), s.name(b)); n != 0 {
		return n < 0
	}
	return a.from == fromFolders // in a bucket a file may be called as a folder
}

// folded returns the folded name of a candidate.
func (s *scan) folded(c *candidate) []byte {
	switch c.from {
	case fromFresh:
		return s.overlay.files[c.entry].folded
	case fromFolders:
		return s.tree.folded(c.entry)
	}
	ref := &s.pack.blocks[c.from]
	text := s.pack.data[ref.at+blockHeader+int64(c.at):]
	return text[:uint32(c.key)]
}

// name returns the name of a candidate.
func (s *scan) name(c *candidate) string {
	switch c.from {
	case fromFresh:
		return s.overlay.files[c.entry].file.Name
	case fromFolders:
		return s.tree.name(c.entry)
	}
	b, err := s.pack.block(int(c.from))
	if err != nil {
		return ""
	}
	var names nameCursor
	name, _ := names.name(&b, int(c.entry), s.folded(c))
	return name
}
