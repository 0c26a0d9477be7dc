package azblob

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"sd/backends"
)

// watched is a container behind a server that counts requests as Stats names them.
type watched struct {
	*lab
	mu   sync.Mutex
	seen map[string]int
	last map[string]http.Header
}

func watch(t *testing.T, change func(*Config)) *watched {
	t.Helper()
	w := &watched{lab: newLab(t, nil), seen: map[string]int{}, last: map[string]http.Header{}}
	endpoint := middle(t, func(r *http.Request) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen[op(r)]++
		w.last[op(r)] = r.Header.Clone()
		return false
	})
	w.Backend = open(t, func(c *Config) {
		c.Endpoint, c.Container = endpoint, w.cfg.Container
		if change != nil {
			change(c)
		}
	})
	return w
}

func (w *watched) counts() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.seen)
}

func (w *watched) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.seen)
}

func (w *watched) header(op string) http.Header {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last[op]
}

// TestRequests counts what each verb costs, at the server and in Stats.
func TestRequests(t *testing.T) {
	t.Parallel()
	w := watch(t, func(c *Config) { c.PageSize = 40 })
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() { w.seed(t, fmt.Sprintf("big/%05d", i), "x") })
	}
	all.Wait()
	w.seed(t, "file", content(1000), "dir/in", "x")
	file, err := w.Stat(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	// The LIST of it may come after the HEAD has answered.
	until(t, "all of that was asked", func() bool { return w.counts()["LIST"] == 1 && total(w) == 2 })
	stat := func(name string) func() error {
		return func() error { _, err := w.Stat(t.Context(), name); return err }
	}
	get := func(off, n int64) func() error {
		return func() error { _, _, err := read(t.Context(), w, "file", "", off, n); return err }
	}
	list := func(dir string) func() error {
		return func() error { return w.List(t.Context(), dir, func([]backends.Entry) error { return nil }) }
	}
	for _, tt := range []struct {
		name string
		do   func() error
		want map[string]int
	}{
		{"list 100", list("big"), map[string]int{"LIST": 3}},
		{"list one page", list("dir"), map[string]int{"LIST": 1}},
		{"walk", func() error {
			return w.Walk(t.Context(), "big", "", func([]backends.Entry) error { return nil })
		}, map[string]int{"LIST": 3, "ACCOUNT": 1}},
		{"walk again", func() error {
			return w.Walk(t.Context(), "big", "", func([]backends.Entry) error { return nil })
		}, map[string]int{"LIST": 3}},
		{"stat the root", stat(""), map[string]int{"LIST": 1}},
		{"stat a file", stat("file"), map[string]int{"LIST": 1, "HEAD": 1}},
		{"stat a directory", stat("dir"), map[string]int{"LIST": 1, "HEAD": 1}},
		{"get all", get(0, -1), map[string]int{"GET": 1}},
		{"get a range", get(100, 10), map[string]int{"GET": 1}},
		{"get from the middle", get(500, 1<<20), map[string]int{"GET": 1}},
		{"copy", func() error {
			_, err := w.Copy(t.Context(), "copy", "file", backends.CopyOptions{})
			return err
		}, map[string]int{"HEAD": 1, "COPY": 1}},
		{"copy of a known version", func() error {
			_, err := w.Copy(t.Context(), "copy", "file", backends.CopyOptions{Source: file.Version, Size: file.Size})
			return err
		}, map[string]int{"COPY": 1}},
		{"put under a condition", func() error {
			_, err := w.Put(t.Context(), "new", strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{Absent: true})
			return err
		}, map[string]int{"PUT": 1}},
		{"an upload", func() error { return write(t, w.Backend, "PART", "up", "text") }, map[string]int{"PART": 1, "COMPLETE": 1}},
		{"remove of a version", func() error {
			return w.Remove(t.Context(), "file", backends.Cond{Version: file.Version})
		}, map[string]int{"DELETE": 1}},
		{"remove", func() error { return w.Remove(t.Context(), "copy", backends.Cond{}) }, map[string]int{"HEAD": 1, "DELETE": 1}},
		{"metadata", func() error {
			_, err := setMeta(t, w.Backend, "new", "", backends.Meta{Mode: 0o100600})
			return err
		}, map[string]int{"HEAD": 1, "META": 1}},
		{"capabilities", func() error { _, err := w.Capabilities(t.Context()); return err }, map[string]int{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := total(w)
			w.forget()
			if err := tt.do(); err != nil {
				t.Fatal(err)
			}
			want := int64(0)
			for _, n := range tt.want {
				want += int64(n)
			}
			until(t, "all requests have arrived", func() bool { return total(w)-before >= want })
			if got := w.counts(); !maps.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if got := total(w) - before; got != want {
				t.Errorf("stats count %d requests, want %d", got, want)
			}
		})
	}
}

func total(b backends.Counter) (n int64) {
	for _, count := range b.Stats().Requests {
		n += count
	}
	return n
}

// TestConditions sends the version with every range of it, and one blob has one version
// and one time in all replies.
func TestConditions(t *testing.T) {
	t.Parallel()
	w := watch(t, nil)
	w.seedWith(t, "file", content(1000), map[string]string{"mtime": "2020-02-02T02:02:02.5Z"})
	e, err := w.Stat(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t.Context(), w, "file", e.Version, 10, 20); err != nil {
		t.Fatal(err)
	}
	h := w.header("GET")
	if got := h.Get("Range") + h.Get("X-Ms-Range"); h.Get("If-Match") != `"`+e.Version+`"` || got != "bytes=10-29" {
		t.Errorf("got If-Match %q, range %q", h.Get("If-Match"), got)
	}
	_, got, err := read(t.Context(), w, "file", "", 0, -1)
	if err != nil || got.Version != e.Version || !got.ModTime.Equal(e.ModTime) || got.Size != e.Size {
		t.Errorf("get says %+v, stat %+v, %v", got, e, err)
	}
	err = w.List(t.Context(), "", func(page []backends.Entry) error {
		at := page[0]
		if at.Version != e.Version || !at.ModTime.Equal(e.ModTime) || at.Size != e.Size {
			t.Errorf("list says %+v, stat %+v", at, e)
		}
		if at.Meta == nil || !at.Meta.ModTime.Equal(e.Meta.ModTime) || at.Meta.ModTime.Nanosecond() == 0 {
			t.Errorf("list says it carries %+v, stat %+v", at.Meta, e.Meta)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
