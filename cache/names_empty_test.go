package cache

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sd/backends"
)

// Files without a name are in the listings that flat lists fill, also in the folder that a
// flat list begins with: their keys are those of the folders.
func TestWalkFilesWithoutAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var keys []string
		for i := range 300 {
			dir := fmt.Sprintf("p/d%04d", i)
			keys = append(keys, dir+"/", dir+"/f", dir+".beside")
		}
		slices.Sort(keys)
		names := NewNames(walkConfig)
		defer names.Close()
		lists := 0
		read := func(dir string) (got []string) {
			t.Helper()
			r := names.OpenFrom(DirKey{"fp", dir}, Source{
				List: func(ctx context.Context, yield func([]backends.Entry) error) error {
					lists++
					return yield(listKeys(keys, dir))
				},
				Walk: func(ctx context.Context, _, after string, yield func([]backends.Entry) error) error {
					at, found := slices.BinarySearch(keys, after)
					if found {
						at++
					}
					for page := range slices.Chunk(keys[at:], 100) {
						time.Sleep(30 * time.Millisecond)
						var entries []backends.Entry
						for _, key := range page {
							entries = append(entries, backends.Entry{Name: key, Version: "v", Size: 1})
						}
						if err := yield(entries); err != nil {
							return err
						}
					}
					return nil
				},
			})
			defer r.Close()
			for i := 0; ; i++ {
				e, at, err := r.At(t.Context(), i)
				if err == io.EOF {
					return got
				}
				if err != nil {
					t.Fatalf("%q: %v", dir, err)
				}
				i = at
				if got = append(got, e.Name); e.Kind == backends.Dir {
					got[len(got)-1] += "/"
				}
			}
		}
		for _, name := range read("p") {
			dir, ok := strings.CutSuffix(name, "/")
			if !ok {
				continue
			}
			if got := read("p/" + dir); !slices.Equal(got, []string{"", "f"}) {
				t.Errorf("%q shows %q", dir, got)
			}
		}
		if lists > 10 {
			t.Errorf("%d folders were listed by themselves, so nothing was walked", lists)
		}
	})
}

// listKeys lists a folder of keys that lie one level below its sub-directories.
func listKeys(keys []string, dir string) (page []backends.Entry) {
	for _, key := range keys {
		rest, ok := strings.CutPrefix(key, dir+"/")
		if !ok {
			continue
		}
		e := backends.Entry{Name: rest, Version: "v", Size: 1}
		if name, _, deeper := strings.Cut(rest, "/"); deeper {
			e = backends.Entry{Name: name, Kind: backends.Dir}
		}
		if !slices.ContainsFunc(page, func(o backends.Entry) bool { return o.Name == e.Name && o.Kind == e.Kind }) {
			page = append(page, e)
		}
	}
	return page
}
