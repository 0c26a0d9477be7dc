//go:build unix

package identify

import (
	"bytes"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sd/identity"
	"sd/index"
	"sd/library/catalog"
)

func TestLocalFiles(t *testing.T) {
	l := newLab(t)
	files := map[string][]byte{
		"a":                   []byte("x"),
		"a copy":              []byte("x"),
		"small/16k":           random(1, 16<<10),
		"small/just":          random(2, identity.SmallSize),
		"large/one more":      random(3, identity.SmallSize+1),
		"large/twin 1":        random(4, 3<<20),
		"large/deep/twin 2":   random(4, 3<<20),
		"large/alone":         random(5, 1<<20+77),
		"odd \xff\n name/b\\": random(6, 100),
	}
	// As its twin as far as samples go.
	sampled := random(4, 3<<20)
	sampled[100_000] ^= 1
	files["large/sampled twin"] = sampled
	for name, data := range files {
		l.write(name, data)
	}
	l.write("empty", nil)
	if err := os.Symlink("a", filepath.Join(l.root, "link")); err != nil {
		t.Fatal(err)
	}
	l.scan()

	var last index.Progress
	rep, err := Run(t.Context(), l.cfg, l.loc, Options{}, index.Control{Report: func(p index.Progress) { last = p }})
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for name, data := range files {
		l.wantProven(name, data, catalog.Read)
		size += int64(len(data))
	}
	l.wantUnproven("empty")
	l.wantUnproven("link")
	n := int64(len(files))
	if rep.Files != n || rep.Proven != n || rep.Changed != 0 || rep.Problems != 0 {
		t.Errorf("report is %+v, want %d files proven", rep, n)
	}
	if last.Phase != "identify" || last.Files != n || last.TotalFiles != n || last.Bytes != size || last.TotalBytes != size {
		t.Errorf("last progress is %+v, want %d files of %d bytes", last, n, size)
	}
	_, one := l.find("large/twin 1")
	_, two := l.find("large/deep/twin 2")
	_, three := l.find("large/sampled twin")
	if one.Hint == 0 || one.Hint != two.Hint || one.Hint != three.Hint {
		t.Errorf("hints are %x, %x, %x, want one", one.Hint, two.Hint, three.Hint)
	}
	if one.Content != two.Content || one.Content == three.Content {
		t.Errorf("contents are %d, %d, %d, want the first two equal", one.Content, two.Content, three.Content)
	}

	if rep := l.run(Options{}); rep.Files != 0 || rep.Bytes != 0 {
		t.Errorf("a second run did %+v, want nothing", rep)
	}
}

// What a file is like that has changed since it was scanned must not be written down.
func TestChangedFilesAreLeft(t *testing.T) {
	l := newLab(t)
	for _, name := range []string{"small", "large"} {
		size := map[string]int{"small": 1000, "large": 300_000}[name]
		for _, how := range []string{"rewritten", "gone", "link", "folder", "pipe-less", "longer", "touched"} {
			l.write(name+" "+how, random(7, size))
		}
	}
	l.scan()
	for _, size := range []string{"small ", "large "} {
		path := filepath.Join(l.root, size)
		for _, err := range []error{
			os.Remove(path + "gone"),
			os.Remove(path + "link"), os.Symlink(path+"pipe-less", path+"link"),
			os.Remove(path + "folder"), os.Mkdir(path+"folder", 0o777),
			os.Truncate(path+"longer", 400_000),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		old(t, path+"touched")
		// The same size and mtime: only ctime tells.
		info, err := os.Stat(path + "rewritten")
		if err != nil {
			t.Fatal(err)
		}
		l.write(size+"rewritten", random(8, int(info.Size())))
		if err := os.Chtimes(path+"rewritten", info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
	rep := l.run(Options{})
	if rep.Proven != 2 || rep.Problems != 0 || rep.Files != 14 {
		t.Errorf("report is %+v, want 2 of 14 proven and no problem", rep)
	}
	for _, size := range []string{"small ", "large "} {
		for _, how := range []string{"rewritten", "gone", "link", "folder", "longer", "touched"} {
			l.wantUnproven(size + how)
		}
	}
	l.wantProven("small pipe-less", random(7, 1000), catalog.Read)
	l.scan()
	if rep := l.run(Options{}); rep.Proven != 6 {
		t.Errorf("after a scan: %+v, want 6 proven", rep)
	}
	l.wantProven("large rewritten", random(8, 300_000), catalog.Read)
}

func TestUnreadableFiles(t *testing.T) {
	l := newLab(t)
	l.write("good", random(1, 10))
	l.write("dir/bad", random(2, 10))
	l.scan()
	// Root may read everything; what it cannot open is a path with a component that is no folder
	// name. A directory that cannot be read at all is made by a name that is too long.
	dir, f := l.find("dir/bad")
	long := f
	long.Name = strings.Repeat("n", 300)
	l.update(func(tx *catalog.Tx) error { return tx.PutFile(dir, &long) })
	rep := l.run(Options{})
	if rep.Proven != 2 || rep.Problems != 1 {
		t.Errorf("report is %+v, want 2 proven and 1 problem", rep)
	}
	list, n, err := l.lib.Problems(t.Context(), l.loc.ID, 0)
	if err != nil || n != 1 || list[0].Path != l.loc.Path+"/dir/"+long.Name || list[0].Op != problemOp || !strings.Contains(list[0].Text, "too long") {
		t.Errorf("problems are %+v, %v", list, err)
	}
	l.update(func(tx *catalog.Tx) error { return tx.DropFile(dir, long.Name) })
	l.run(Options{})
	if _, n, err := l.lib.Problems(t.Context(), l.loc.ID, 0); err != nil || n != 0 {
		t.Errorf("%d problems are left, %v, want 0", n, err)
	}
}

func TestKinds(t *testing.T) {
	l := newLab(t)
	png := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), random(1, 200_000)...)
	for name, data := range map[string][]byte{
		"picture": png, "small picture": png[:5000], "text": []byte("hello, world\n"), "program": append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 300)...),
		"book": []byte("%PDF-1.7\n%..."), "name.mp3": png[:100],
		"nothing much": {0xfe, 0x01, 0x02, 0x99},
	} {
		l.write(name, data)
	}
	l.scan()
	l.run(Options{})
	for name, want := range map[string]catalog.Kind{
		"picture": catalog.KindImage, "small picture": catalog.KindImage, "text": catalog.KindText,
		"program": catalog.KindExecutable, "book": catalog.KindDocument, "name.mp3": catalog.KindAudio,
		"nothing much": catalog.KindUnknown,
	} {
		if _, f := l.find(name); f.Kind != want || !f.Proof.Proven() {
			t.Errorf("%s: kind %v, proof %d, want %v, proven", name, f.Kind, f.Proof, want)
		}
	}
}

func TestOneFile(t *testing.T) {
	l := newLab(t)
	ctx := t.Context()
	path := l.write("dir/f", random(1, 200_000))
	l.write("dir/empty", nil)
	l.scan()
	at := strings.Trim(path, "/")
	if err := File(ctx, l.cfg, l.place(), at); err != nil {
		t.Fatal(err)
	}
	l.wantProven("dir/f", random(1, 200_000), catalog.Read)
	if err := File(ctx, l.cfg, l.place(), at); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := File(ctx, l.cfg, l.place(), strings.TrimSuffix(at, "f")+"empty"); err != nil {
		t.Errorf("an empty file: %v", err)
	}
	if err := os.WriteFile(path, []byte("else"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := File(ctx, l.cfg, l.place(), at); !errors.Is(err, ErrChanged) {
		t.Errorf("changed: %v, want ErrChanged", err)
	}
	l.scan()
	if err := File(ctx, l.cfg, l.place(), at); err != nil {
		t.Fatal(err)
	}
	l.wantProven("dir/f", []byte("else"), catalog.Read)
	if err := File(ctx, l.cfg, l.place(), at+"x"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("no such file: %v, want fs.ErrNotExist", err)
	}
	if err := File(ctx, l.cfg, catalog.VolumePlace("x"), at); err == nil {
		t.Error("a file of a volume was read")
	}
}

// What is proven for an earlier ctime is read again, and may turn out to be something else.
func TestKeptIsReadAgain(t *testing.T) {
	l := newLab(t)
	path := l.write("f", random(1, 5000))
	l.scan()
	l.run(Options{})
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	l.scan()
	if _, f := l.find("f"); f.Proof != catalog.Kept {
		t.Fatalf("after chmod: proof %d, want Kept", f.Proof)
	}
	l.run(Options{})
	l.wantProven("f", random(1, 5000), catalog.Read)
}

func TestDeepPaths(t *testing.T) {
	l := newLab(t)
	name := strings.Repeat("d", 200)
	dir, err := os.OpenRoot(l.root)
	if err != nil {
		t.Fatal(err)
	}
	full := ""
	for range 30 { // 6,000 bytes
		if err := dir.Mkdir(name, 0o777); err != nil {
			t.Fatal(err)
		}
		next, err := dir.OpenRoot(name)
		if err != nil {
			t.Fatal(err)
		}
		dir.Close()
		dir, full = next, full+"/"+name
	}
	defer dir.Close()
	if err := dir.WriteFile("f", []byte("deep"), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := openFolder(strings.Trim(l.root+full, "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	file, err := openFile(f, "f")
	if err != nil {
		t.Fatal(err)
	}
	defer file.close()
	p := make([]byte, 4)
	if _, err := file.ReadAt(p, 0); err != nil || !bytes.Equal(p, []byte("deep")) {
		t.Errorf("read %q, %v, want \"deep\"", p, err)
	}
}
