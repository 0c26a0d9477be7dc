//go:build linux

package index_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sd/index"
	"sd/library"
)

func TestRules(t *testing.T) {
	tree := []string{
		"doc.txt", ".config/app", ".bashrc", "src/.git/HEAD", "src/main.go", "src/node_modules/x/index.js", "src/__pycache__/m.pyc",
		"rust/Cargo.toml", "rust/target/debug/a", "photos/target/bullseye.jpg", "photos/build/house.jpg", "cs/app.csproj", "cs/bin/app.dll", "bin/script",
		"lost+found/1", "$RECYCLE.BIN/x", "System Volume Information/y", "pics/Thumbs.db", "pics/._a.jpg", "pics/a.jpg", "swapfile", ".Trash-1000/files/z",
		"git/.git/config", "git/.gitignore", "git/out.log", "git/keep.log", "git/sub/.gitignore", "git/sub/deep.tmp", "git/sub/out.log", "git/nested/.git/x", "git/nested/a.log",
		"plain/.gitignore", "plain/a.o", "plain/a.c",
	}
	w := newWorld(t, nil)
	for _, name := range tree {
		w.write(name, "x")
	}
	w.write("git/.gitignore", "*.log\n!keep.log\n", "git/sub/.gitignore", "*.tmp\n!out.log\n", "plain/.gitignore", "*.o\n")
	all := func(without ...string) (list []string) {
	next:
		for _, name := range tree {
			for _, no := range without {
				if name == no || strings.HasSuffix(no, "/") && (strings.HasPrefix(name, no) || strings.Contains(name, "/"+no)) || strings.HasPrefix(no, "*") && strings.HasSuffix(name, no[1:]) {
					continue next
				}
			}
			list = append(list, name)
		}
		return list
	}
	hidden := []string{".config/", ".bashrc", ".git/", "*.gitignore", ".Trash-1000/", "pics/._a.jpg"}
	dev := []string{"node_modules/", "__pycache__/", ".git/", "rust/target/", "cs/bin/"}
	system := []string{"lost+found/", "$RECYCLE.BIN/", "System Volume Information/", "pics/Thumbs.db", "pics/._a.jpg", "swapfile", ".Trash-1000/"}
	git := []string{"git/out.log", "git/sub/deep.tmp", "plain/a.o"}
	join := func(lists ...[]string) (all []string) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	loc := w.add("", library.Rules{})
	for _, tt := range []struct {
		rules   library.Rules
		without []string
	}{
		{library.Rules{}, join(hidden, dev, system, git)},
		{library.Rules{Hidden: true}, join(dev, system, git)},
		{library.Rules{Dev: true}, join(hidden, system, git)},
		{library.Rules{System: true}, join(hidden, dev, git)},
		{library.Rules{NoGitIgnore: true}, join(hidden, dev, system)},
		{library.Rules{All: true}, nil},
		{library.Rules{All: true, Skip: []string{"*.jpg", "/git", "!a.jpg"}}, []string{"photos/target/bullseye.jpg", "photos/build/house.jpg", "pics/._a.jpg", "git/"}},
		{library.Rules{Skip: []string{"!.config", "!Thumbs.db", "!out.log", "!node_modules"}}, join([]string{".bashrc", ".git/", "*.gitignore", ".Trash-1000/", "pics/._a.jpg"},
			[]string{"__pycache__/", "rust/target/", "cs/bin/"}, []string{"lost+found/", "$RECYCLE.BIN/", "System Volume Information/", "swapfile"}, []string{"git/sub/deep.tmp", "plain/a.o"})},
	} {
		t.Run(fmt.Sprintf("%+v", tt.rules), func(t *testing.T) {
			w.t = t
			loc.Rules = tt.rules
			w.must(w.lib.SetLocation(t.Context(), loc))
			w.scan(loc)
			w.want(all(tt.without...)...)
			w.covers(loc)
		})
	}
	w.t = t
}

// covers compares Covers with what a scan has found.
func (w *world) covers(loc library.Location) {
	w.t.Helper()
	got := w.files(w.here, loc.Path)
	w.must(filepath.WalkDir("/"+loc.Path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		path = strings.TrimPrefix(path, "/")
		_, want := got[strings.TrimPrefix(path[len(loc.Path):], "/")]
		if covered := w.x.Covers(loc, path); covered != want {
			w.t.Errorf("Covers(%q) is %v, a scan says %v", path, covered, want)
		}
		return nil
	}))
}

// Folders of the system are left out where they lie, not where the location is.
func TestRulesSystemFolders(t *testing.T) {
	w := newWorld(t, nil)
	root := library.Location{Place: w.here, Path: ""}
	for path, want := range map[string]bool{
		"home/ann": true, "proc": false, "sys/kernel": false, "tmp/x": false, "var/log": true, "var/lib/docker/x": false, "var/lib/mine": true, "mnt/tmp": true, "boot": false, "home/tmp": true,
	} {
		if got := w.x.CoversFolder(root, path); got != want {
			t.Errorf("/%s is covered: %v, want %v", path, got, want)
		}
	}
	for _, loc := range []library.Location{{Place: w.here, Path: "tmp"}, {Place: w.here, Path: "var/lib/docker"}, {Place: w.here, Path: "", Rules: library.Rules{System: true}}} {
		if path := strings.TrimPrefix(loc.Path+"/tmp/x", "/"); !w.x.CoversFolder(loc, path) {
			t.Errorf("/%s in a location at /%s is not covered", path, loc.Path)
		}
	}
	if !strings.Contains(index.RulesText, "lost+found") {
		t.Error("the text of the rules does not tell them")
	}
}

// What sd writes to itself is never indexed, wherever the location begins: it changes with
// each scan.
func TestRulesOwnFolders(t *testing.T) {
	data := t.TempDir()
	w := openWorld(t, filepath.Join(data, "sd"), data, nil)
	w.write("sd2/a", "x", "sd-b/a", "x", "in/sd/a", "x")
	loc := w.add("", library.Rules{All: true})
	w.scan(loc)
	w.want("sd2/a", "sd-b/a", "in/sd/a")
	w.covers(loc)
}

// Locations in one another share folders. Each drops only what no other one wants.
func TestScanNested(t *testing.T) {
	w := newWorld(t, nil)
	w.write("a", "1", ".hidden/b", "2", "inner/.dot", "3", "inner/c", "4", "node_modules/lib/d", "5", "node_modules/e", "6")
	outer := w.add("", library.Rules{})
	inner := w.add("inner", library.Rules{Hidden: true})
	deep := w.add("node_modules/lib", library.Rules{})
	w.scan(outer)
	w.want("a", "inner/c")
	w.scan(inner)
	w.scan(deep)
	everything := []string{"a", "inner/c", "inner/.dot", "node_modules/lib/d"}
	for range 2 {
		for _, loc := range []library.Location{outer, inner, deep} {
			if r := w.scan(loc); r.Added+r.Removed != 0 {
				t.Errorf("a scan of %q reports %+v", loc.Name, r)
			}
			w.want(everything...)
		}
	}
	// Rules that leave out less, and more again.
	outer.Rules = library.Rules{All: true}
	w.must(w.lib.SetLocation(t.Context(), outer))
	w.scan(outer)
	w.want(append(everything, ".hidden/b", "node_modules/e")...)
	w.scan(inner)
	w.scan(deep)
	w.want(append(everything, ".hidden/b", "node_modules/e")...)
	outer.Rules = library.Rules{}
	w.must(w.lib.SetLocation(t.Context(), outer))
	w.scan(outer)
	w.want(everything...)
	// What is gone is gone for all.
	w.must(os.Remove(filepath.Join(w.dir, "inner/.dot")))
	w.must(os.RemoveAll(filepath.Join(w.dir, "node_modules")))
	w.scan(outer)
	w.want("a", "inner/c")
}

// Random trees with random rules: a scan finds what Covers tells, a random change of the tree
// or of the rules included.
func TestRulesRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(23, 5))
	names := []string{"a", "b", ".h", "target", "build", "node_modules", ".git", "x.log", "y.o", "Cargo.toml", "bin", "app.csproj", "Thumbs.db"}
	patterns := []string{"*.log", "!x.log", "/a", "b/", "a/**", "!y.o", "*", "!*/", "build", "**/b"}
	pick := func(list []string) string { return list[rnd.IntN(len(list))] }
	w := newWorld(t, nil)
	loc := w.add("", library.Rules{})
	for range 12 {
		w.must(os.RemoveAll(filepath.Join(w.dir, pick(names))))
		for range 25 {
			name := pick(names)
			for rnd.IntN(2) > 0 {
				name += "/" + pick(names)
			}
			if rnd.IntN(6) == 0 {
				name = filepath.Join(filepath.Dir(name), ".gitignore")
			}
			full := filepath.Join(w.dir, name)
			_ = os.MkdirAll(filepath.Dir(full), 0o755) // where a file is in the way, so be it
			_ = os.WriteFile(full, []byte(pick(patterns)+"\n"+pick(patterns)+"\n"), 0o644)
		}
		flip := func() bool { return rnd.IntN(2) == 0 }
		loc.Rules = library.Rules{All: rnd.IntN(8) == 0, Hidden: flip(), Dev: flip(), System: flip(), NoGitIgnore: flip()}
		if flip() {
			loc.Rules.Skip = []string{pick(patterns), pick(patterns)}
		}
		w.must(w.lib.SetLocation(t.Context(), loc))
		w.scan(loc)
		w.covers(loc)
		if t.Failed() {
			t.Fatalf("with %+v", loc.Rules)
		}
	}
}

// A scan is paused and ended between folders, and says how far it is.
func TestScanControl(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 60 {
		w.write(fmt.Sprintf("%d/f", i), "x")
	}
	loc := w.add("", library.Rules{})
	stop := errors.New("enough")
	checks := 0
	_, err := w.x.Scan(t.Context(), loc, index.Control{Check: func(context.Context) error {
		if checks++; checks > 20 {
			return stop
		}
		return nil
	}})
	if !errors.Is(err, stop) {
		t.Fatalf("got %v, want %v", err, stop)
	}
	if n := len(w.files(w.here, loc.Path)); n >= 60 {
		t.Errorf("a scan that was ended early found %d files", n)
	}
	if !w.again(loc).Scanned.IsZero() {
		t.Error("a scan that was ended early was noted as a whole one")
	}
	ctx, cancel := context.WithCancel(t.Context())
	checks = 0
	_, err = w.x.Scan(ctx, loc, index.Control{Check: func(ctx context.Context) error {
		if checks++; checks == 10 {
			cancel() // while it is paused
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want %v", err, context.Canceled)
	}
	var last index.Progress
	for i := range 2 {
		r, err := w.x.Scan(t.Context(), w.again(loc), index.Control{Report: func(p index.Progress) { last = p }})
		w.must(err)
		if last.Files != 60 || last.Files != r.Files || last.Folders != 61 || last.Phase != "scan" {
			t.Errorf("scan %d: at the end the progress is %+v", i, last)
		}
	}
	if last.Changed != 0 || last.Rate() <= 0 {
		t.Errorf("the progress of a second scan is %+v", last)
	}
}

func TestProgressLeft(t *testing.T) {
	at := library.Location{}.Created // any time
	p := index.Progress{Phase: "scan", Files: 25, TotalFiles: 100, Bytes: 90, TotalBytes: 100, Began: at, Now: at.Add(10e9)}
	if left, ok := p.Left(); !ok || left != 30e9 || p.Rate() != 2.5 {
		t.Errorf("got %v %v at %v files/s, want 30 s at 2.5", left, ok, p.Rate())
	}
	p.Phase = "identify"
	if left, ok := p.Left(); !ok || left.Round(1e6) != 1.111e9 {
		t.Errorf("got %v %v, want 1.111 s", left, ok)
	}
	p.TotalBytes, p.TotalFiles = -1, -1
	if _, ok := p.Left(); ok {
		t.Error("the time left is told of an unknown total")
	}
}

// Scans that meet wait for one another; those that do not, do not.
func TestScanLocks(t *testing.T) {
	w := newWorld(t, nil)
	w.write("a/b/f", "1", "c/f", "2")
	outer, a, ab, c := w.add("", library.Rules{}), w.add("a", library.Rules{}), w.add("a/b", library.Rules{}), w.add("c", library.Rules{})
	for _, tt := range []struct{ held, wanted library.Location }{{outer, outer}, {outer, ab}, {ab, outer}, {a, ab}, {ab, a}} {
		unlock, err := w.x.Lock(t.Context(), tt.held)
		w.must(err)
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error, 1)
		go func() {
			_, err := w.x.Scan(ctx, tt.wanted, index.Control{Check: func(context.Context) error { return errors.New("not locked out") }})
			got <- err
		}()
		if tt.held.ID != outer.ID && tt.wanted.ID != outer.ID {
			unlock, err := w.x.Lock(t.Context(), c)
			w.must(err)
			unlock()
		}
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("a scan of %q while %q is locked: %v", tt.wanted.Name, tt.held.Name, err)
		}
		unlock()
	}
}
