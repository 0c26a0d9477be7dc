//go:build linux

package syncs_test

import (
	"context"
	"strings"
	"testing"

	"sd/actions/steps"
	"sd/backends"
	"sd/backends/mem"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// Names that a drive takes for one are left out on both sides, whichever way a sync goes and
// however often; nothing is replaced or removed for them.
func TestCasesThatADriveDoesNotTellApart(t *testing.T) {
	for _, mode := range []steps.SyncMode{steps.Mirror, steps.Bidirectional} {
		t.Run(string(mode), func(t *testing.T) {
			w := newWorld(t)
			drive := mem.NewFoldingDrive(mem.Config{})
			r, err := resolver.New(w.lib, map[sdpath.Service]resolver.Factory{
				sdpath.S3:      func(context.Context, library.Volume) (backends.Backend, error) { return w.store, nil },
				sdpath.Dropbox: func(context.Context, library.Volume) (backends.Backend, error) { return drive, nil },
			})
			w.must(err)
			defer r.Close()
			w.resolver = r
			_, err = r.AddCloud(t.Context(), resolver.CloudVolume{Service: sdpath.Dropbox, Identifier: "box"})
			w.must(err)
			put := func(b backends.Putter, name, content string) {
				t.Helper()
				_, err := b.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), backends.Meta{}, backends.Cond{})
				w.must(err)
			}
			for name, content := range map[string]string{"A": "one", "a": "another", "plain": "p", "Docs/x": "x", "Other/f": "f"} {
				put(w.store, "dir/"+name, content)
			}
			put(drive, "dir/docs/y", "y")
			put(drive, "dir/PLAIN2", "theirs")
			put(w.store, "dir/plain2", "ours")

			s := steps.Spec{
				Action: steps.Sync, Sources: []steps.Source{{URI: "s3://bucket/dir"}}, Target: steps.Source{URI: "dropbox://box/dir"},
				Options: steps.Options{Mode: mode},
			}
			for round := range 3 {
				sum := w.mustSync(s)
				if round > 0 && sum.Steps != 0 {
					t.Errorf("round %d has %d steps, want none", round, sum.Steps)
				}
				told := false
				for _, warning := range sum.Warnings {
					told = told || warning.Code == "case"
				}
				if !told {
					t.Errorf("round %d says nothing of the names: %+v", round, sum.Warnings)
				}
				for name, want := range map[string]string{"plain": "p", "Other/f": "f", "PLAIN2": "theirs", "docs/y": "y"} {
					if got := get(t, drive, "dir/"+name); got != want {
						t.Errorf("round %d: the drive has %q in %s, want %q", round, got, name, want)
					}
				}
				for name, want := range map[string]string{"A": "one", "a": "another", "plain2": "ours", "Docs/x": "x"} {
					if got := get(t, w.store, "dir/"+name); got != want {
						t.Errorf("round %d: the bucket has %q in %s, want %q", round, got, name, want)
					}
				}
				if got := get(t, drive, "dir/a"); got != "" {
					t.Errorf("round %d: the drive has got %q for A or a", round, got)
				}
			}
		})
	}
}

// get is the content of a file, "" where there is none.
func get(t *testing.T, b backends.Backend, name string) string {
	t.Helper()
	r, e, err := b.Get(t.Context(), name, "", 0, -1)
	if err != nil {
		return ""
	}
	defer r.Close()
	data := make([]byte, e.Size)
	n, _ := r.Read(data)
	return string(data[:n])
}
