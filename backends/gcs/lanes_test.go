package gcs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"sd/backends"
)

// TestListingsPassWork has a server that is slow with what it does by itself. Listings,
// questions and contents do not wait behind 48 of that.
func TestListingsPassWork(t *testing.T) {
	t.Parallel()
	for name, slow := range map[string]struct {
		op     string
		change func(ctx context.Context, b *Backend, name string) error
	}{
		"copies": {"COPY", func(ctx context.Context, b *Backend, name string) error {
			_, err := b.Copy(ctx, name, "file", backends.CopyOptions{Source: "7.1", Size: 4})
			return err
		}},
		"changes": {http.MethodPatch, func(ctx context.Context, b *Backend, name string) error {
			_, err := b.Copy(ctx, name, name, backends.CopyOptions{Source: "7.1", Size: 4, Meta: &backends.Meta{Mode: 0o600}})
			return err
		}},
		"deletions": {http.MethodDelete, func(ctx context.Context, b *Backend, name string) error {
			return b.Remove(ctx, name, backends.Cond{Version: "7.1"})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			waiting := 0
			release := make(chan struct{})
			list := listed([]string{"dir/file", "file"}, func(string) int64 { return 4 })
			b := strange(t, func(w http.ResponseWriter, r *http.Request) {
				_, key, _ := strings.Cut(r.URL.Path, "/o/")
				if op(r) == slow.op {
					mu.Lock()
					waiting++
					mu.Unlock()
					_, _ = io.Copy(io.Discard, r.Body)
					<-release
				}
				o := map[string]any{"name": key, "size": "4", "generation": "8", "metageneration": "1"}
				switch op(r) {
				case http.MethodGet:
					w.Header().Set("X-Goog-Generation", "7")
					w.Header().Set("X-Goog-Metageneration", "1")
					fmt.Fprint(w, "text")
				case "COPY":
					json.NewEncoder(w).Encode(map[string]any{"done": true, "resource": o})
				case http.MethodPatch:
					json.NewEncoder(w).Encode(o)
				case http.MethodDelete:
					w.WriteHeader(http.StatusNoContent)
				default:
					list(w, r)
				}
			})
			var work sync.WaitGroup
			for i := range 100 {
				work.Go(func() {
					if err := slow.change(t.Context(), b, fmt.Sprint("new", i)); err != nil {
						t.Error(err)
					}
				})
			}
			most := func() int {
				mu.Lock()
				defer mu.Unlock()
				return waiting
			}
			until(t, "all places are taken", func() bool { return most() == 48 })
			for range 3 {
				if got := names(t, b, "dir"); len(got) != 1 {
					t.Errorf("listed %q", got)
				}
				if e, err := b.Stat(t.Context(), "file"); err != nil || e.Size != 4 {
					t.Errorf("stat: %+v, %v", e, err)
				}
				if got, _, err := read(t.Context(), b, "file", "", 0, -1); err != nil || got != "text" {
					t.Errorf("read %q, %v", got, err)
				}
			}
			if n := most(); n != 48 {
				t.Errorf("%d at once, want 48", n)
			}
			close(release)
			work.Wait()
		})
	}
}
