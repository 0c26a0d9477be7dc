package rclone

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"sd/backends"
	"sd/internal/clouds"
)

// TestReplacedByOthersAtOnce has somebody else replace a file between the end of a Put and the
// look at what it has made: the Put tells its own bytes, and under its version nobody reads others.
func TestReplacedByOthersAtOnce(t *testing.T) {
	c := clouds.Start(t)
	for _, kind := range kinds {
		for theirs, ours := range map[string]string{"theirs, which is longer": "ours!", "others": "we are"} {
			t.Run(kind+"/"+theirs, func(t *testing.T) {
				srv := serviceOf(c, kind)
				srv.Clean()
				s, other := open(t, cloudConfig(c, kind)), open(t, cloudConfig(c, kind))
				put(t, s, "file", "first")
				names(t, other, "")
				var sent, replaced atomic.Bool
				srv.Fault(func(r *http.Request) http.Handler {
					switch read := reads(routeOf(c, kind, r), r.Method); {
					case !read:
						sent.Store(true)
					case sent.Load() && !replaced.Swap(true):
						put(t, other, "file", theirs)
					}
					return nil
				})
				e := put(t, s, "file", ours)
				srv.Fault(nil)
				if !replaced.Load() || srv.Tree()["file"] != theirs {
					t.Fatalf("%q is there", srv.Tree())
				}
				now, err := s.Stat(t.Context(), "file")
				if err != nil || e.Size != int64(len(ours)) || e.Version == "" || e.Version == now.Version {
					t.Errorf("Put says %+v and Stat %+v, %v", e, now, err)
				}
				if _, _, err := s.Get(t.Context(), "file", e.Version, 0, -1); !errors.Is(err, backends.ErrChanged) {
					t.Errorf("got %v, want %v", err, backends.ErrChanged)
				}
				if got := read(t, s, "file", now.Version); got != theirs {
					t.Errorf("got %q, want %q", got, theirs)
				}
			})
		}
	}
}

// TestOwnDescription asks which description of a file that was written is believed.
func TestOwnDescription(t *testing.T) {
	sums := func(hex string) []backends.Sum { return []backends.Sum{{Algorithm: "md5", Hex: hex}} }
	for _, tt := range []struct {
		made, now backends.Entry
		same      bool
	}{
		{backends.Entry{Size: 5, Sums: sums("a")}, backends.Entry{Size: 5, Sums: sums("a")}, true},
		{backends.Entry{Size: 5, Sums: sums("a")}, backends.Entry{Size: 5, Sums: sums("b")}, false},
		{backends.Entry{Size: 5, Sums: sums("a")}, backends.Entry{Size: 6, Sums: sums("a")}, false},
		{backends.Entry{Size: 5}, backends.Entry{Size: 5, Sums: sums("a")}, true},
		{backends.Entry{Size: 5, Sums: []backends.Sum{{Algorithm: "sha1", Hex: "a"}}}, backends.Entry{Size: 5, Sums: sums("b")}, true},
		{backends.Entry{Unsized: true}, backends.Entry{Size: 6}, true},
	} {
		if got := sameBytes(tt.made, tt.now); got != tt.same {
			t.Errorf("%+v and %+v: got %v, want %v", tt.made, tt.now, got, tt.same)
		}
	}
	for _, tt := range []struct {
		kind, vendor, name string
		want               bool
	}{
		{"onedrive", "", "d/Letter.DOCX", true}, {"onedrive", "", "d/letter.txt", false}, {"drive", "", "letter.docx", false},
		{"webdav", "sharepoint", "letter.xlsx", true}, {"webdav", "nextcloud", "letter.xlsx", false},
	} {
		s := store{remote: &Remote{Type: tt.kind, Options: map[string]string{"vendor": tt.vendor}}}
		if got := s.rewrites(tt.name); got != tt.want {
			t.Errorf("%s %s: got %v, want %v", tt.kind, tt.name, got, tt.want)
		}
	}
}
