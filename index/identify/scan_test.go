//go:build unix

package identify

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sd/backends"
	"sd/index"
	"sd/library/catalog"
)

// What a scan writes is what identify reads: versions and names are the same to both.
func TestAfterAScan(t *testing.T) {
	l := newLab(t)
	files := map[string][]byte{}
	for i := range 50 {
		files[fmt.Sprintf("dir %d/f%d", i%7, i)] = random(byte(i), 1+i*7000)
	}
	files["odd \xff\nname"] = random(1, 10)
	for name, data := range files {
		l.write(name, data)
	}
	x := index.New(l.cfg)
	if _, err := x.Scan(t.Context(), l.loc, index.Control{}); err != nil {
		t.Fatal(err)
	}
	if rep := l.run(Options{}); rep.Proven != int64(len(files)) || rep.Changed != 0 {
		t.Errorf("report is %+v, want %d proven", rep, len(files))
	}
	for name, data := range files {
		l.wantProven(name, data, catalog.Read)
	}

	// Moved files are known at once, and read again only to be sure.
	if err := os.Rename(filepath.Join(l.root, "dir 1"), filepath.Join(l.root, "moved")); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Scan(t.Context(), l.loc, index.Control{}); err != nil {
		t.Fatal(err)
	}
	if _, f := l.find("moved/f1"); f.Content == 0 {
		t.Error("a moved file lost its content")
	}
	l.run(Options{})
	l.wantProven("moved/f1", files["dir 1/f1"], catalog.Read)
}

func TestAfterAScanOfAVolume(t *testing.T) {
	s, faults := newS3(t)
	s.onGround(map[string][]byte{"f": random(1, 5000)})
	objects := map[string][]byte{
		"f": random(1, 5000), "a/b/f": random(1, 5000), "a//f": random(2, 600), "a/b c/\u00e4": random(3, 700), "z": random(4, 800),
	}
	for name, data := range objects {
		s.put(name, data, backends.Meta{})
	}
	if _, err := index.New(s.cfg).Scan(t.Context(), s.loc, index.Control{}); err != nil {
		t.Fatal(err)
	}
	faults.Forget()
	if rep := s.run(Options{}); rep.Proven != 2 || rep.Probable != 3 {
		t.Errorf("report is %+v, want 2 proven, 3 probable", rep)
	}
	if got := faults.Counts(); len(got) != 0 {
		t.Errorf("requests are %v, want none", got)
	}
	if rep := s.run(Options{Deep: true}); rep.Proven != 3 || rep.Problems != 0 || rep.Changed != 0 {
		t.Errorf("deep: report is %+v, want 3 proven", rep)
	}
	for name, data := range objects {
		s.wantProven(name, data, map[bool]catalog.Proof{true: catalog.Checksum, false: catalog.Read}[len(data) == 5000])
	}
}
