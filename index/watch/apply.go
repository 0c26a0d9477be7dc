package watch

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sd/backends"
	"sd/identity"
	"sd/library"
	"sd/library/catalog"
	"sd/sdpath"
)

// leftError says that changes were not written.
type leftError struct{ n int }

func (e *leftError) Error() string { return fmt.Sprintf("%d changes of volumes are left", e.n) }

// isVolume tells whether place is a cloud volume.
func isVolume(place catalog.Place) bool {
	_, ok := volumeOf(place)
	return ok
}

// volumeOf is the fingerprint of the volume that place is.
func volumeOf(place catalog.Place) (fingerprint string, ok bool) {
	return strings.CutPrefix(string(place), string(catalog.VolumePlace("")))
}

// writer writes changes of one volume into the catalog.
type writer struct {
	w         *Watcher
	place     catalog.Place
	locations []library.Location
}

// write writes a batch in its order. Each run of changes in one location is written while no
// scan of that is under way, which could undo it.
func (w *writer) write(ctx context.Context, batch []change) error {
	for len(batch) > 0 {
		loc, n := w.run(batch)
		if loc != nil {
			if err := w.writeRun(ctx, *loc, batch[:n]); err != nil {
				return err
			}
		}
		batch = batch[n:]
	}
	return nil
}

// run is how many changes at the beginning of the batch are of one location; nil: of none.
func (w *writer) run(batch []change) (loc *library.Location, n int) {
	loc = w.home(batch[0])
	for n = 1; n < len(batch); n++ {
		next := w.home(batch[n])
		if (next == nil) != (loc == nil) || loc != nil && next.ID != loc.ID {
			break
		}
	}
	return loc, n
}

// home is the innermost location in which a change happened, of a move also where to.
func (w *writer) home(c change) *library.Location {
	if loc := w.innermost(c.name); loc != nil || c.verb != moved {
		return loc
	}
	return w.innermost(c.to)
}

func (w *writer) innermost(name string) *library.Location {
	var best *library.Location
	for i := range w.locations {
		loc := &w.locations[i]
		if loc.Holds(w.place, name) && (best == nil || len(loc.Path) > len(best.Path)) {
			best = loc
		}
	}
	return best
}

// covered tells whether the rules of any location have the name indexed.
func (w *writer) covered(name string) bool {
	for _, loc := range w.locations {
		if loc.Holds(w.place, name) && w.w.index.Covers(loc, name) {
			return true
		}
	}
	return false
}

func (w *writer) writeRun(ctx context.Context, loc library.Location, run []change) error {
	unlock, err := w.w.index.Lock(ctx, loc)
	if err != nil {
		return err
	}
	defer unlock()
	var unidentified, unknown bool
	err = w.w.cat.Update(ctx, func(tx *catalog.Tx) error {
		unidentified, unknown = false, false
		for _, c := range run {
			var err error
			switch c.verb {
			case put:
				var known bool
				known, err = w.put(tx, c)
				unidentified = unidentified || !known
			case removed:
				err = w.remove(tx, c.name)
			case moved:
				var found bool
				found, err = w.move(tx, c)
				unknown = unknown || !found
			case passed:
				err = w.pass(tx, c)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.w.noted(loc, unidentified, unknown)
	return nil
}

// noted sees to what follows from changes of a volume. unknown says that something came in
// of which nothing is known.
func (w *Watcher) noted(loc library.Location, unidentified, unknown bool) {
	w.packer.changed()
	w.mu.Lock()
	p := w.places[loc.ID]
	w.mu.Unlock()
	if p != nil {
		if unidentified {
			w.identify.want(p)
		}
	}
	if unknown {
		w.changes.mu.Lock()
		w.changes.ask(loc.ID)
		w.changes.mu.Unlock()
	}
}

// put writes an object, and tells whether its content is known then.
func (w *writer) put(tx *catalog.Tx, c change) (known bool, err error) {
	if !w.covered(c.name) {
		return true, w.remove(tx, c.name)
	}
	if c.entry.Kind == backends.Dir {
		_, _, err := w.folder(tx, c.name, true)
		return true, err
	}
	dir, base, err := w.parent(tx, c.name, true)
	if err != nil {
		return false, err
	}
	f := fileOf(base, c.entry)
	old, found, err := tx.File(dir, base)
	if err != nil {
		return false, err
	}
	if found && old.Type == f.Type && old.Size == f.Size && old.Version == f.Version { // the same bytes
		f.Content, f.Proof, f.Hint, f.Kind = old.Content, old.Proof, old.Hint, old.Kind
	}
	if err := tx.PutFile(dir, &f); err != nil {
		return false, err
	}
	if f.Type != catalog.Regular || f.Size == 0 {
		return true, nil
	}
	if c.entry.Meta == nil || c.entry.Meta.BLAKE3 == "" {
		return f.Proof.Proven(), nil
	}
	sum, err := identity.ParseSum(c.entry.Meta.BLAKE3)
	if err != nil {
		return false, nil // somebody else's, and not ours to judge
	}
	return tx.Identify(dir, base, f.FileVersion(), sum, 0, catalog.Stored)
}

// remove forgets an object or a folder.
func (w *writer) remove(tx *catalog.Tx, name string) error {
	dir, base, err := w.parent(tx, name, false)
	if err != nil || dir == 0 {
		return err
	}
	f, folder, err := tx.Folder(dir, base)
	if err != nil {
		return err
	}
	if folder {
		if folder, err = w.isFolder(tx, f, dir, base); err != nil {
			return err
		}
	}
	if folder {
		_, err = tx.DropFolder(f.ID)
		return err
	}
	return tx.DropFile(dir, base)
}

// isFolder tells whether it was the folder f that was removed, and not a file beside it, whose
// name it has: then it holds nothing.
func (w *writer) isFolder(tx *catalog.Tx, f catalog.Folder, dir catalog.FolderID, base string) (bool, error) {
	_, twin, err := tx.File(dir, base)
	if err != nil || !twin {
		return err == nil, err
	}
	folders, err := tx.Folders(f.ID)
	if err != nil || len(folders) > 0 {
		return false, err
	}
	files, err := tx.Files(f.ID, nil)
	return len(files) == 0, err
}

// move gives an object or a folder its new name, and tells whether the catalog had it.
func (w *writer) move(tx *catalog.Tx, c change) (found bool, err error) {
	from, base, err := w.parent(tx, c.name, false)
	if err != nil {
		return true, err
	}
	if !w.covered(c.to) {
		return true, w.remove(tx, c.name)
	}
	to, newBase, err := w.parent(tx, c.to, true)
	if err != nil {
		return true, err
	}
	if c.dir {
		f, found, err := tx.Folder(from, base)
		if err != nil {
			return true, err
		}
		if !found {
			return false, w.remove(tx, c.to)
		}
		return true, tx.MoveFolder(f.ID, to, newBase)
	}
	f, found, err := tx.File(from, base)
	if err != nil || !found { // what it is follows
		return true, err
	}
	return true, tx.MoveFile(from, base, to, newBase, f.Version)
}

// pass notes what bytes a version has.
func (w *writer) pass(tx *catalog.Tx, c change) error {
	sum, err := identity.ParseSum(c.sum)
	if err != nil {
		return err
	}
	dir, base, err := w.parent(tx, c.name, false)
	if err != nil || dir == 0 {
		return err
	}
	f, found, err := tx.File(dir, base)
	if err != nil || !found || f.Version != c.version || f.Size != c.size || f.Proof.Proven() {
		return err
	}
	_, err = tx.Identify(dir, base, f.FileVersion(), sum, 0, catalog.Passed)
	if errors.Is(err, identity.ErrEmpty) {
		return nil
	}
	return err
}

// parent is the folder that name is in, and its last segment. Where there is no such folder
// it is made, or 0.
func (w *writer) parent(tx *catalog.Tx, name string, make bool) (dir catalog.FolderID, base string, err error) {
	up, base := catalog.Split(name)
	dir, _, err = w.folder(tx, up, make)
	return dir, base, err
}

// folder is the folder called name; "" is the root.
func (w *writer) folder(tx *catalog.Tx, name string, make bool) (id catalog.FolderID, found bool, err error) {
	if id, err = tx.Root(w.place); err != nil {
		return 0, false, err
	}
	for _, seg := range sdpath.SplitKey(name) {
		f, found, err := tx.Folder(id, seg)
		if err == nil && !found && make {
			f.ID, err = tx.AddFolder(catalog.Folder{Parent: id, Name: seg})
			found = true
		}
		if err != nil || !found {
			return 0, false, err
		}
		id = f.ID
	}
	return id, true, nil
}

// fileOf is the row of an object, as a scan would make it.
func fileOf(base string, e backends.Entry) catalog.File {
	f := catalog.File{Name: base, Kind: catalog.KindOf(base), Size: e.Size, Version: e.Version, Sums: sums(e.Sums)}
	if e.Kind == backends.Symlink {
		f.Type, f.Kind = catalog.Symlink, catalog.KindUnknown
	}
	if !e.ModTime.IsZero() {
		f.ModTime = e.ModTime.UnixNano()
	}
	return f
}

// sums is how the catalog keeps checksums.
func sums(list []backends.Sum) string {
	var b strings.Builder
	for _, s := range list {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(s.Algorithm + ":" + s.Hex)
	}
	return b.String()
}
