package catalog_test

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"sd/identity"
	"sd/library/catalog"
)

// Random changes, in transactions of which some fail, lead to what the model says.
func TestRandomChanges(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			l, c := open(t)
			if seed%2 == 0 {
				c.Squeeze(2 + int(seed)*40)
			}
			w := &world{rng: rand.New(rand.NewPCG(seed, 4)), c: c, m: newModel(), sums: map[int64][]identity.Sum{}}
			for _, size := range []int64{1, 2, 200_000} {
				for i := range 3 {
					w.sums[size] = append(w.sums[size], identity.Sum{byte(size), byte(i), 1})
				}
			}
			for range 60 {
				w.transact(t)
				w.compare(t)
				if t.Failed() {
					t.Logf("last: %v", w.log)
					return
				}
			}
			if err := l.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// transact makes some changes in a transaction.
func (w *world) transact(t *testing.T) {
	t.Helper()
	w.log = nil
	next := w.m.clone()
	fail := w.rng.IntN(8) == 0
	err := w.c.Update(context.Background(), func(tx *catalog.Tx) error {
		for range 1 + w.rng.IntN(12) {
			if err := w.change(tx, next); err != nil {
				return err
			}
		}
		if fail {
			return errNo
		}
		return nil
	})
	switch {
	case fail && errors.Is(err, errNo):
	case err != nil:
		t.Fatalf("%v after %v", err, w.log)
	default:
		w.m = next
	}
}

func (w *world) change(tx *catalog.Tx, m *model) error {
	if len(m.folders) == 0 || w.rng.IntN(30) == 0 {
		place := pick(w, catalog.Place("device:1"), catalog.VolumePlace("s3"))
		id, err := tx.Root(place)
		w.note("root %s = %d", place, id)
		if m.folders[id] == nil {
			m.add(id, 0, string(place))
		}
		return err
	}
	dir := pick(w, m.ids()...)
	switch w.rng.IntN(22) {
	case 0, 1:
		return w.addFolder(tx, m, dir)
	case 2:
		return w.moveFolder(tx, m, dir)
	case 3:
		if w.rng.IntN(3) > 0 {
			return nil
		}
		n, err := tx.DropFolder(dir)
		w.note("drop folder %d", dir)
		if want := m.dropFolder(dir); err == nil && n != want {
			err = fmt.Errorf("DropFolder = %d, want %d", n, want)
		}
		return err
	case 4, 5, 6:
		return w.putMany(tx, m, dir)
	case 7, 8, 9:
		f := w.file()
		w.note("put %d %+v", dir, f)
		m.put(dir, f)
		return tx.PutFile(dir, &f.File)
	case 10:
		return w.putAgain(tx, m, dir)
	case 11:
		name, _ := w.target(m, dir)
		w.note("drop %d %q", dir, name)
		if f, ok := m.folders[dir].files[name]; ok {
			m.leave(dir, f)
			delete(m.folders[dir].files, name)
			m.stale[spot{dir, name, false}] = true
		}
		return tx.DropFile(dir, name)
	case 12:
		return w.moveFile(tx, m, dir)
	case 13:
		n, err := tx.Adopt(dir)
		w.note("adopt %d", dir)
		if want := m.adopt(dir); err == nil && n != want {
			err = fmt.Errorf("Adopt = %d, want %d", n, want)
		}
		return err
	case 14:
		return w.set(tx, m, dir)
	default:
		return w.identify(tx, m, dir)
	}
}

func (w *world) addFolder(tx *catalog.Tx, m *model, parent catalog.FolderID) error {
	f := catalog.Folder{Parent: parent, Name: pick(w, names...), ModTime: pick[int64](w, 0, 7), Version: w.version(), Listed: w.rng.IntN(2) == 0}
	var err error
	f.ID, err = tx.AddFolder(f)
	w.note("add folder %+v", f)
	have := m.child(parent, f.Name)
	if have == nil {
		have = m.add(f.ID, parent, f.Name)
	} else if have.ModTime != f.ModTime {
		m.stale[spot{f.ID, "", true}] = true
	}
	have.Folder = f
	return err
}

func (w *world) moveFolder(tx *catalog.Tx, m *model, id catalog.FolderID) error {
	to, name := pick(w, m.ids()...), pick(w, names...)
	there := m.child(to, name)
	w.note("move folder %d to %d %q", id, to, name)
	f := m.folders[id]
	if there != nil && there.ID == id {
		return tx.MoveFolder(id, to, name)
	}
	if f.Parent == 0 || m.inside(to, id) || there != nil && m.inside(id, there.ID) {
		if err := tx.MoveFolder(id, to, name); err == nil {
			return fmt.Errorf("folder %d moved to %d", id, to)
		}
		return nil
	}
	if there != nil {
		m.dropFolder(there.ID)
	}
	f.Parent, f.Name = to, name
	m.stale[spot{id, "", true}] = true
	return tx.MoveFolder(id, to, name)
}

func (w *world) putMany(tx *catalog.Tx, m *model, dir catalog.FolderID) error {
	var list []catalog.File
	seen := map[string]bool{}
	for range w.rng.IntN(20) {
		if f := w.file(); !seen[f.Name] {
			seen[f.Name] = true
			m.put(dir, f)
			list = append(list, f.File)
		}
	}
	if w.rng.IntN(20) == 0 {
		for i := range 70 {
			f := w.file()
			f.Name = fmt.Sprint("many", i)
			m.put(dir, f)
			list = append(list, f.File)
		}
	}
	w.note("put %d %+v", dir, list)
	return tx.PutFiles(dir, list)
}

// putAgain puts a file again that is there, as one that reads rows and writes them back does.
func (w *world) putAgain(tx *catalog.Tx, m *model, dir catalog.FolderID) error {
	name, _ := w.target(m, dir)
	f, ok, err := tx.File(dir, name)
	if err != nil || !ok {
		return err
	}
	g := m.folders[dir].files[name]
	to := pick(w, m.ids()...)
	g.ModTime, f.ModTime = g.ModTime+60, f.ModTime+60
	w.note("put %q of %d again in %d", name, dir, to)
	m.put(to, g)
	return tx.PutFile(to, &f)
}

func (w *world) moveFile(tx *catalog.Tx, m *model, dir catalog.FolderID) error {
	name, _ := w.target(m, dir)
	to, newName, version := pick(w, m.ids()...), pick(w, names...), w.version()
	w.note("move %d %q to %d %q", dir, name, to, newName)
	err := tx.MoveFile(dir, name, to, newName, version)
	f, ok := m.folders[dir].files[name]
	if !ok {
		if !errors.Is(err, iofs.ErrNotExist) {
			return fmt.Errorf("MoveFile of nothing = %v", err)
		}
		return nil
	}
	if dir != to || name != newName {
		delete(m.folders[dir].files, name)
		m.stale[spot{dir, name, false}], m.stale[spot{to, newName, false}] = true, true
	}
	f.Name, f.Version = newName, version
	m.folders[to].files[newName] = f
	return err
}

// set sets what is known besides the content.
func (w *world) set(tx *catalog.Tx, m *model, dir catalog.FolderID) error {
	name, was := w.target(m, dir)
	f, ok := m.folders[dir].files[name]
	ok = ok && f.FileVersion() == was
	hint, sums, kind := pick[uint64](w, 0, 5, 1<<63+1), pick(w, "", "sha1:1"), pick(w, catalog.KindUnknown, catalog.KindAudio)
	n := w.rng.IntN(4)
	w.note("set %d %q %d", dir, name, n)
	var err error
	switch n {
	case 0:
		f.Hint, err = hint, tx.SetHint(dir, name, was, hint)
	case 1:
		f.Sums, err = sums, tx.SetSums(dir, name, was, sums)
	case 2:
		if ok && f.Kind != kind {
			m.stale[spot{dir, name, false}] = true
		}
		f.Kind, err = kind, tx.SetKind(dir, name, was, kind)
	case 3:
		f.sum, f.Proof, f.Hint = identity.Sum{}, catalog.Unknown, 0
		err = tx.Disprove(dir, name, was)
	}
	if ok {
		m.folders[dir].files[name] = f
	}
	return err
}

func (w *world) identify(tx *catalog.Tx, m *model, dir catalog.FolderID) error {
	name, was := w.target(m, dir)
	if was.Size == 0 {
		if _, err := tx.Identify(dir, name, was, identity.Sum{1}, 0, catalog.Read); !errors.Is(err, identity.ErrEmpty) {
			return fmt.Errorf("Identify of an empty file = %v", err)
		}
		return nil
	}
	sum, proof := pick(w, w.sums[was.Size]...), pick(w, catalog.Read, catalog.Stored, catalog.Passed)
	w.note("identify %d %q %x", dir, name, sum[:2])
	f, ok := m.folders[dir].files[name]
	ok = ok && f.FileVersion() == was && f.Type == catalog.Regular
	done, err := tx.Identify(dir, name, was, sum, identity.Print(sum[0])+7, proof)
	if done != ok && err == nil {
		return fmt.Errorf("Identify = %v, want %v", done, ok)
	}
	if ok {
		f.sum, f.Proof = sum, proof
		m.folders[dir].files[name] = f
		m.known[sum] = true
	}
	return err
}

// each hands fn the model's files in the order of their folders and names.
func (m *model) each(fn func(dir catalog.FolderID, f file)) {
	for _, id := range m.ids() {
		for _, name := range slices.Sorted(maps.Keys(m.folders[id].files)) {
			fn(id, m.folders[id].files[name])
		}
	}
}
