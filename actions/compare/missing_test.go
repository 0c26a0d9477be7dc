package compare_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"sd/actions/compare"
	"sd/actions/stores"
)

// lostIn is a store whose walk finds something missing, and whose folder is there or not.
type lostIn struct {
	stores.Store
	stat error
}

func (l lostIn) Stat(context.Context, string) (stores.Entry, error) {
	return stores.Entry{Kind: stores.Dir}, l.stat
}

func (l lostIn) Walk(context.Context, string, stores.WalkOptions, func(*stores.Entry) error) error {
	return &fs.PathError{Op: "walk", Path: "docs", Err: &fs.PathError{Op: "list", Path: "docs/sub", Err: fs.ErrNotExist}}
}

// A side is empty where its folder is not there, and not where a walk of it finds something
// missing: all that the other side has would count as new, or as deleted here.
func TestMergeWithMissingFolder(t *testing.T) {
	broken := errors.New("no answer")
	for _, tt := range []struct {
		name   string
		stat   error
		needed bool
		want   error
	}{
		{"it is there", nil, false, fs.ErrNotExist},
		{"it is not there", fs.ErrNotExist, false, nil},
		{"nobody knows", broken, false, broken},
		{"it is not there, and is what is copied", fs.ErrNotExist, true, fs.ErrNotExist},
	} {
		b := &bucket{keys: map[string]bool{}}
		b.add("docs/f")
		left, right := compare.Side{Store: lostIn{b, tt.stat}, Dir: "docs", Needed: tt.needed}, compare.Side{Store: b, Dir: "docs"}
		n := 0
		err := compare.Merge(context.Background(), left, right, func(string, *stores.Entry, *stores.Entry) error {
			n++
			return nil
		})
		if !errors.Is(err, tt.want) || tt.want != nil && n > 0 || tt.want == nil && n != 1 {
			t.Errorf("%s: got %v after %d files, want %v", tt.name, err, n, tt.want)
		}
	}
}
