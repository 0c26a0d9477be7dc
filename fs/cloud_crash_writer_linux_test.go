package fs_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// crashWriter changes files in a folder of its own and notes what was acknowledged.
// It does one thing at a time, so that after a kill the folder must be as before the
// call under way, or as after it, and nothing between.
type crashWriter struct {
	t      *testing.T
	r      *rand.Rand
	root   string
	killed *atomic.Bool

	now    map[string]string // acknowledged: content by name
	next   map[string]string // what the call under way makes of it; nil: there is none
	doing  string
	serial int
	acked  int
	log    []string
}

var crashNames = []string{"a", "b", "c", "log", "d1/a", "d1/b", "d2/a"}

// run does calls until one fails, as each does after a kill.
func (w *crashWriter) run() {
	for !w.killed.Load() {
		if err := w.step(); err != nil {
			if !w.killed.Load() {
				w.t.Errorf("%s: %s, before any kill: %v\n%s", w.root, w.doing, err, w.recent())
			}
			return
		}
	}
}

func (w *crashWriter) step() error {
	name := crashNames[w.r.IntN(len(crashNames))]
	switch n := w.r.IntN(20); {
	case n < 6:
		return w.overwrite(name)
	case n < 9:
		return w.patch(name)
	case n < 12:
		return w.append("log")
	case n < 16:
		return w.safeSave(name)
	case n < 17:
		return w.unlink(name)
	case n < 19:
		return w.rename(name, crashNames[w.r.IntN(len(crashNames))])
	default:
		return w.renameDir()
	}
}

// begin says what the next call makes of the folder.
func (w *crashWriter) begin(doing string, change func(map[string]string)) {
	w.doing, w.next = doing, maps.Clone(w.now)
	w.log = append(w.log, doing)
	change(w.next)
}

// end notes the answer of that call.
func (w *crashWriter) end(err error) error {
	if err == nil {
		w.now, w.next = w.next, nil
		w.acked++
	}
	return err
}

func (w *crashWriter) recent() string { return strings.Join(w.log[max(0, len(w.log)-15):], "\n") }

// content tells by each of its lines what it is part of.
func (w *crashWriter) content(name string) string {
	w.serial++
	lines := 1 + w.r.IntN(800)
	if w.r.IntN(25) == 0 {
		lines = 170000 // more than one part of an upload
	}
	return strings.Repeat(fmt.Sprintf("%-40s version %9d\n", name, w.serial), lines)
}

func (w *crashWriter) at(name string) string { return filepath.Join(w.root, name) }

// open makes the folder first: only files count here.
func (w *crashWriter) open(name string, flags int) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(w.at(name)), 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(w.at(name), flags, 0o644)
}

// save does the writing of an open file: fsync acknowledges, and so does close.
func (w *crashWriter) save(f *os.File, err error, do func() error) error {
	if err != nil {
		return err
	}
	if err = do(); err == nil && w.r.IntN(3) == 0 {
		if err = w.end(f.Sync()); err == nil {
			w.begin("close "+f.Name(), func(map[string]string) {})
		}
	}
	if closing := f.Close(); err == nil {
		err = w.end(closing)
	}
	return err
}

func (w *crashWriter) overwrite(name string) error {
	content := w.content(name)
	w.begin(fmt.Sprintf("overwrite %s with %d bytes of version %d", name, len(content), w.serial), func(m map[string]string) { m[name] = content })
	f, err := w.open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	return w.save(f, err, func() error { _, err := f.WriteString(content); return err })
}

func (w *crashWriter) patch(name string) error {
	old, ok := w.now[name]
	if !ok {
		return nil
	}
	w.serial++
	p := fmt.Sprintf("[patched %9d]", w.serial)
	off := w.r.IntN(len(old))
	w.begin(fmt.Sprintf("patch %s at %d with version %d", name, off, w.serial), func(m map[string]string) {
		m[name] = old[:off] + p + old[min(off+len(p), len(old)):]
	})
	f, err := w.open(name, os.O_RDWR)
	return w.save(f, err, func() error { _, err := f.WriteAt([]byte(p), int64(off)); return err })
}

func (w *crashWriter) append(name string) error {
	w.serial++
	line := fmt.Sprintf("line %9d\n", w.serial)
	w.begin(fmt.Sprintf("append version %d to %s", w.serial, name), func(m map[string]string) { m[name] += line })
	f, err := w.open(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND)
	return w.save(f, err, func() error { _, err := f.WriteString(line); return err })
}

// safeSave writes beside the file and renames over it, as editors do.
func (w *crashWriter) safeSave(name string) error {
	tmp := name + ".tmp"
	if err := w.overwrite(tmp); err != nil {
		return err
	}
	return w.rename(tmp, name)
}

func (w *crashWriter) unlink(name string) error {
	if _, ok := w.now[name]; !ok {
		return nil
	}
	w.begin("unlink "+name, func(m map[string]string) { delete(m, name) })
	return w.end(os.Remove(w.at(name)))
}

func (w *crashWriter) rename(from, to string) error {
	if _, ok := w.now[from]; !ok || from == to {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(w.at(to)), 0o755); err != nil {
		return err
	}
	w.begin("rename "+from+" "+to, func(m map[string]string) {
		m[to] = m[from]
		delete(m, from)
	})
	return w.end(os.Rename(w.at(from), w.at(to)))
}

// renameDir renames the folder d1 or d2 where there is nothing in the other.
func (w *crashWriter) renameDir() error {
	from, to := "d1/", "d2/"
	if w.r.IntN(2) == 0 {
		from, to = to, from
	}
	in := func(dir string) (list []string) {
		for name := range w.now {
			if strings.HasPrefix(name, dir) {
				list = append(list, name)
			}
		}
		return list
	}
	if len(in(from)) == 0 || len(in(to)) > 0 {
		return nil
	}
	w.begin("rename "+from+" "+to, func(m map[string]string) {
		for _, name := range in(from) {
			m[to+strings.TrimPrefix(name, from)] = m[name]
			delete(m, name)
		}
	})
	return w.end(unix.Rename(w.at(from), w.at(to))) // os.Rename takes no folder that is there
}

// settle fails the test unless have is what was acknowledged or what the call under
// way would have made, and goes on from there.
func (w *crashWriter) settle(where string, have map[string]string) {
	w.t.Helper()
	if !maps.Equal(have, w.now) && (w.next == nil || !maps.Equal(have, w.next)) {
		w.t.Errorf("%s, %s: after the kill during %q there is\n%s\nacknowledged was\n%s\nlast calls:\n%s",
			where, w.root, w.doing, inventory(have), inventory(w.now), w.recent())
	}
	w.now, w.next = have, nil
}

// inventory describes files by their first and last lines.
func inventory(files map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f := files[name]
		fmt.Fprintf(&b, "  %-8s %9d bytes %q … %q\n", name, len(f), f[:min(57, len(f))], f[max(0, len(f)-57):])
	}
	return b.String()
}

// shown reads all files of the writer's folder through the mount.
func (w *crashWriter) shown() map[string]string {
	w.t.Helper()
	have := map[string]string{}
	var look func(dir string)
	look = func(dir string) {
		for _, name := range names(w.t, w.at(dir)) {
			rel := filepath.Join(dir, name)
			if lstat(w.t, w.at(rel)).Mode&unix.S_IFMT == unix.S_IFDIR {
				look(rel)
				continue
			}
			have[rel] = read(w.t, w.at(rel))
		}
	}
	look("")
	return have
}
