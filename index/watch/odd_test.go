package watch

import (
	"testing"

	"sd/library"
	"sd/library/catalog"
)

// Keys with odd slashes are noted where a scan has them.
func TestOddKeys(t *testing.T) {
	w := newWorld(t)
	m := w.startMount(Config{}, w.addCloud("", library.Shallow))
	for _, name := range []string{"/lead", "lead", "a//b", "a/b", "//c", "/c", "/d/e", "d/e"} {
		m.tell(name, "content of "+name)
		w.known(name, "content of "+name, catalog.Stored)
	}
	m.watcher.Moved(w.volume, "/d", "/f", true)
	w.known("/f/e", "content of /d/e", catalog.Stored)
	w.known("d/e", "content of d/e", catalog.Stored)
	m.watcher.Removed(w.volume, "/lead")
	w.absent("/lead")
	w.known("lead", "content of lead", catalog.Stored)
}

// A file may lie beside a folder of its name. Who removes the file leaves what the folder holds.
func TestRemovedBesideFolder(t *testing.T) {
	w := newWorld(t)
	m := w.startMount(Config{}, w.addCloud("", library.Shallow))
	m.tell("twin", "file")
	m.tell("twin/inside", "in the folder")
	m.watcher.Removed(w.volume, "twin")
	w.absent("twin")
	w.known("twin/inside", "in the folder", catalog.Stored)
}
