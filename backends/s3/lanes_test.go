package s3

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"sd/backends"
)

// TestListingsPassWork has a server that is slow with copies, deletions and what is asked
// for their sake. Listings, questions and contents do not wait behind 48 of them.
func TestListingsPassWork(t *testing.T) {
	t.Parallel()
	for name, slow := range map[string]struct {
		op     string
		change func(ctx context.Context, b *Backend, name string) error
	}{
		"copies": {"COPY", func(ctx context.Context, b *Backend, name string) error {
			_, err := b.Copy(ctx, name, "file", backends.CopyOptions{Source: "e", Size: 4, Cond: backends.Cond{Absent: true}})
			return err
		}},
		"deletions": {http.MethodDelete, func(ctx context.Context, b *Backend, name string) error {
			return b.Remove(ctx, name, backends.Cond{Version: "e"})
		}},
		"questions before writes": {http.MethodHead, func(ctx context.Context, b *Backend, name string) error {
			_, err := b.Put(ctx, name, strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{Absent: true})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			waiting := 0
			release := make(chan struct{})
			b := strangeWith(t, func(w http.ResponseWriter, r *http.Request) {
				key := strings.TrimPrefix(r.URL.Path, "/"+bucket+"/")
				if op(r) == slow.op && key != "file" {
					mu.Lock()
					waiting++
					mu.Unlock()
					<-release
				}
				w.Header().Set("ETag", `"e"`)
				switch {
				case op(r) == "COPY":
					fmt.Fprint(w, `<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>`)
				case r.URL.Query().Has("list-type"):
					fmt.Fprint(w, `<ListBucketResult><Contents><Key>dir/file</Key><Size>4</Size></Contents></ListBucketResult>`)
				case r.Method == http.MethodDelete:
					w.WriteHeader(http.StatusNoContent)
				case r.Method == http.MethodHead && key != "file":
					w.WriteHeader(http.StatusNotFound)
				case r.Method == http.MethodGet || r.Method == http.MethodHead:
					w.Header().Set("Content-Length", "4")
					fmt.Fprint(w, "text")
				}
			}, func(c *Config) {
				if slow.op != http.MethodHead {
					c.Capabilities = &heedful
				} else {
					c.Capabilities = &backends.Capabilities{}
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
