package watch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"sd/library"
)

// TestLocalChanges follows what happens in a folder and below it.
func TestLocalChanges(t *testing.T) {
	w := newWorld(t)
	w.write("loc/old.txt", "before")
	loc := w.addLocal("loc", library.Shallow)
	watcher := w.start(Config{})
	w.has("loc/old.txt", 6)
	w.state(watcher, loc, Fresh)

	w.write("loc/new.txt", "12345")
	w.has("loc/new.txt", 5)
	w.write("loc/new.txt", "1234567")
	w.has("loc/new.txt", 7)
	w.write("loc/a/b/c/deep.txt", "1")
	w.has("loc/a/b/c/deep.txt", 1)
	w.write("loc/a/b/c/later.txt", "12")
	w.has("loc/a/b/c/later.txt", 2)
	if err := os.Rename(filepath.Join(w.dir, "loc/a/b"), filepath.Join(w.dir, "loc/moved")); err != nil {
		t.Fatal(err)
	}
	w.has("loc/moved/c/deep.txt", 1)
	w.lacks("loc/a/b/c/deep.txt")
	w.write("loc/moved/c/after.txt", "123") // its folder is watched under its new name
	w.has("loc/moved/c/after.txt", 3)
	w.write("loc/a/b/c/again.txt", "1234") // and the old name is another folder
	w.has("loc/a/b/c/again.txt", 4)
	if err := os.RemoveAll(filepath.Join(w.dir, "loc/moved")); err != nil {
		t.Fatal(err)
	}
	w.lacks("loc/moved/c/after.txt")
	w.equal(loc)
}

// TestRulesChange looks again at all below a .gitignore that was changed.
func TestRulesChange(t *testing.T) {
	w := newWorld(t)
	w.write("loc/.git/HEAD", "")
	w.write("loc/sub/a.log", "1")
	loc := w.addLocal("loc", library.Shallow)
	watcher := w.start(Config{})
	w.has("loc/sub/a.log", 1)
	w.state(watcher, loc, Fresh)
	w.write("loc/.gitignore", "*.log\n")
	w.lacks("loc/sub/a.log")
	if err := os.Remove(filepath.Join(w.dir, "loc/.gitignore")); err != nil {
		t.Fatal(err)
	}
	w.has("loc/sub/a.log", 1)
}

// TestRandomChanges makes random changes, also of whole folders, and compares in the end.
func TestRandomChanges(t *testing.T) {
	w := newWorld(t)
	w.write("loc/first.txt", "")
	loc := w.addLocal("loc", library.Content)
	watcher := w.start(Config{})
	w.state(watcher, loc, Fresh)
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	root := filepath.Join(w.dir, "loc")
	for round := range 3 {
		for range 120 {
			stir(t, r, root)
			if r.IntN(20) == 0 {
				time.Sleep(time.Duration(r.IntN(40)) * time.Millisecond)
			}
		}
		t.Logf("round %d", round)
		w.equal(loc)
	}
}

// stir makes one random change below root. Much of it does not succeed, as names clash.
func stir(t *testing.T, r *rand.Rand, root string) {
	t.Helper()
	name := func() string {
		var parts []string
		for range 1 + r.IntN(3) {
			parts = append(parts, string(rune('a'+r.IntN(4))))
		}
		return filepath.Join(root, strings.Join(parts, "/"))
	}
	switch r.IntN(8) {
	case 0, 1, 2:
		dir := name()
		_ = os.MkdirAll(dir, 0o755)
		_ = os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%d", r.IntN(5))), make([]byte, r.IntN(100)), 0o644)
	case 3, 4:
		_ = os.Rename(name(), name())
	case 5:
		_ = os.RemoveAll(name())
	case 6:
		_ = os.Symlink("x", name())
	case 7:
		_ = os.Chtimes(name(), time.Time{}, time.Unix(int64(r.IntN(1e9)), 0))
	}
}

// TestFoldersThatMoveAndGo moves and removes many watched folders at one stroke, so that
// their watches are gone before the events are read.
func TestFoldersThatMoveAndGo(t *testing.T) {
	w := newWorld(t)
	const folders = 200
	for i := range folders {
		w.write(fmt.Sprintf("loc/%d/sub/a.txt", i), "1")
	}
	loc := w.addLocal("loc", library.Shallow)
	watcher := w.start(Config{})
	w.eventually("all folders are watched", func() bool { return w.state(watcher, loc, Fresh).Watched == 2*folders+1 })
	for i := range folders {
		from, to := filepath.Join(w.dir, fmt.Sprint("loc/", i)), filepath.Join(w.dir, fmt.Sprint("loc/gone-", i))
		if err := errors.Join(os.Rename(from, to), os.RemoveAll(to)); err != nil {
			t.Fatal(err)
		}
	}
	w.write("loc/last.txt", "12")
	w.has("loc/last.txt", 2)
	w.equal(loc)
	w.eventually("no folder is watched any more", func() bool { return w.state(watcher, loc, Fresh).Watched == 1 })
	if got := w.state(watcher, loc, Fresh); got.Overflows > 0 {
		t.Errorf("events were lost %d times", got.Overflows)
	}
}

// TestWatchLimit looks now and then at folders that cannot be watched, and says so.
func TestWatchLimit(t *testing.T) {
	w := newWorld(t)
	for i := range 10 {
		w.write(fmt.Sprintf("loc/%d/sub/a.txt", i), "1")
	}
	loc := w.addLocal("loc", library.Shallow)
	watcher := w.start(Config{MaxFolders: 5})
	got := w.state(watcher, loc, Fresh)
	w.eventually("folders are left unwatched", func() bool {
		got = w.state(watcher, loc, Fresh)
		return got.Watched == 5 && got.Unwatched == 16
	})
	if !strings.HasPrefix(got.Advice, "16 folders are not watched") || !strings.Contains(got.Advice, "sysctl fs.inotify.max_user_watches=") {
		t.Errorf("got the advice %q", got.Advice)
	}
	for i := range 10 {
		w.write(fmt.Sprintf("loc/%d/sub/new/b.txt", i), "12")
	}
	for i := range 10 {
		w.has(fmt.Sprintf("loc/%d/sub/new/b.txt", i), 2)
	}
	if err := os.RemoveAll(filepath.Join(w.dir, "loc/9")); err != nil {
		t.Fatal(err)
	}
	w.lacks("loc/9/sub/a.txt")
	w.equal(loc)
	// With room again, all are watched.
	for i := 1; i < 9; i++ {
		if err := os.RemoveAll(filepath.Join(w.dir, "loc", fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	w.eventually("all folders are watched", func() bool {
		got = w.state(watcher, loc, Fresh)
		return got.Watched == 4 && got.Unwatched == 0 && got.Advice == ""
	})
}

// TestLostEvents scans the location when the system has lost events.
func TestLostEvents(t *testing.T) {
	w := newWorld(t)
	w.write("loc/sub/a.txt", "1")
	loc := w.addLocal("loc", library.Shallow)
	watcher := w.start(Config{})
	w.has("loc/sub/a.txt", 1)
	w.state(watcher, loc, Fresh)
	// As if the system's queue was full: nothing is told of what happens.
	if err := watcher.notifier.fs.Remove(filepath.Join(w.dir, "loc/sub")); err != nil {
		t.Fatal(err)
	}
	w.write("loc/sub/b.txt", "12")
	watcher.notifier.fs.Errors <- fsnotify.ErrEventOverflow
	w.has("loc/sub/b.txt", 2)
	w.write("loc/sub/c.txt", "123") // it is watched again, too
	w.has("loc/sub/c.txt", 3)
	w.eventually("the loss is counted", func() bool { return w.state(watcher, loc, Fresh).Overflows == 1 })
}

// TestGoneLocation keeps what is known of a location that is away for a while.
func TestGoneLocation(t *testing.T) {
	w := newWorld(t)
	w.write("loc/sub/a.txt", "1")
	loc := w.addLocal("loc", library.Shallow)
	watcher := w.start(Config{})
	w.has("loc/sub/a.txt", 1)
	w.state(watcher, loc, Fresh)
	away := filepath.Join(w.dir, "away")
	if err := os.Rename(filepath.Join(w.dir, "loc"), away); err != nil {
		t.Fatal(err)
	}
	if got := w.state(watcher, loc, Gone); got.Err == "" {
		t.Error("it does not say why")
	}
	w.has("loc/sub/a.txt", 1)
	if err := os.WriteFile(filepath.Join(away, "sub/b.txt"), []byte("12"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, filepath.Join(w.dir, "loc")); err != nil {
		t.Fatal(err)
	}
	w.has("loc/sub/b.txt", 2)
	w.state(watcher, loc, Fresh)
	w.write("loc/sub/c.txt", "123")
	w.has("loc/sub/c.txt", 3)
	if n := strings.Count(w.log.String(), "is not kept fresh"); n != 1 {
		t.Errorf("it was logged %d times, want once", n)
	}
}

// TestLocationsComeAndGo follows what other processes do with locations.
func TestLocationsComeAndGo(t *testing.T) {
	w := newWorld(t)
	w.write("one/a.txt", "1")
	w.write("one/inner/b.txt", "1")
	watcher := w.start(Config{})
	one := w.addLocal("one", library.Shallow)
	w.has("one/inner/b.txt", 1)
	inner := w.addLocal("one/inner", library.Shallow)
	w.state(watcher, inner, Fresh)
	w.state(watcher, one, Fresh)
	if err := w.lib.RemoveLocation(t.Context(), one.ID); err != nil {
		t.Fatal(err)
	}
	w.eventually("one location is left", func() bool { return len(watcher.Status().Locations) == 1 })
	w.write("one/inner/c.txt", "12")
	w.has("one/inner/c.txt", 2)
	if err := w.lib.RemoveLocation(t.Context(), inner.ID); err != nil {
		t.Fatal(err)
	}
	w.eventually("nothing is watched", func() bool { return watcher.Status().Folders == 0 })
}

// TestHeldLocation is left alone until somebody else is done.
func TestHeldLocation(t *testing.T) {
	w := newWorld(t)
	w.write("loc/a.txt", "1")
	loc := w.addLocal("loc", library.Shallow)
	asked, free := make(chan struct{}, 100), make(chan struct{})
	watcher := w.start(Config{Held: func(context.Context, int64) bool {
		select {
		case asked <- struct{}{}:
		default:
		}
		select {
		case <-free:
			return false
		default:
			return true
		}
	}})
	<-asked
	<-asked // so it has waited
	if _, ok := w.local("loc/a.txt"); ok {
		t.Error("it was scanned while it was held")
	}
	close(free)
	w.has("loc/a.txt", 1)
	w.state(watcher, loc, Fresh)
}
