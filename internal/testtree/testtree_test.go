package testtree

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestEachIsSoundAndTheSameAgain(t *testing.T) {
	made := func() (paths []string) {
		err := Each(5000, 3, func(f *Folder) error {
			if f.Number != 0 && (f.Parent < 0 || f.Parent >= f.Number) {
				t.Fatalf("folder %d lies in %d", f.Number, f.Parent)
			}
			paths = append(paths, f.Path+"/")
			for _, file := range f.Files {
				paths = append(paths, join(f.Path, file.Name))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return paths
	}
	one, two := made(), made()
	if !slices.Equal(one, two) {
		t.Error("the same number made two different trees")
	}
	slices.Sort(one)
	if n := len(slices.Compact(one)); n != len(two) {
		t.Errorf("%d of %d paths are there twice", len(two)-n, len(two))
	}
}

func TestMake(t *testing.T) {
	dir := t.TempDir()
	folders, err := Make(dir, 300, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	files, dirs := 0, 0
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if d.IsDir() {
			dirs++
		} else {
			files++
		}
		return err
	})
	if err != nil || files != 300 || dirs != folders {
		t.Errorf("Make made %d files in %d folders, %v, want 300 in %d", files, dirs, err, folders)
	}
}
