package s3

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"sd/backends"
	"sd/internal/testserver"
)

// TestRequests counts what each verb costs, at the server and in Stats.
func TestRequests(t *testing.T) {
	t.Parallel()
	l := newLab(t, testserver.Gofakes3, func(c *Config) { c.Capabilities = &heedful })
	if err := l.server.Fill(t.Context(), bucket, 2500, func(i int) (string, []byte) {
		return fmt.Sprintf("big/%05d", i), []byte("x")
	}); err != nil {
		t.Fatal(err)
	}
	l.server.MustPut(t, bucket, "file", content(1000), "dir/in", "x")
	file, err := l.Stat(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	// The LIST of it may come after the HEAD has answered.
	until(t, "all of that was asked", func() bool { return l.faults.Count("LIST") == 1 && total(l) == 2 })
	list := func(dir string) func(*testing.T) {
		return func(t *testing.T) { names(t, l, dir) }
	}
	stat := func(name string) func(*testing.T) {
		return func(t *testing.T) {
			if _, err := l.Stat(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	get := func(off, n int64) func(*testing.T) {
		return func(t *testing.T) {
			if _, _, err := read(t.Context(), l, "file", "", off, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name string
		do   func(*testing.T)
		want map[string]int
	}{
		{"list 2500", list("big"), map[string]int{"LIST": 3}},
		{"list one page", list("dir"), map[string]int{"LIST": 1}},
		{"walk", func(t *testing.T) {
			if err := l.Walk(t.Context(), "big", "big/01599", func([]backends.Entry) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"LIST": 1}},
		{"stat the root", stat(""), map[string]int{"LIST": 1}},
		{"stat a file", stat("file"), map[string]int{"LIST": 1, "HEAD": 1}},
		{"stat a directory", stat("dir"), map[string]int{"LIST": 1, "HEAD": 1}},
		{"get all", get(0, -1), map[string]int{"GET": 1}},
		{"get a range", get(100, 10), map[string]int{"GET": 1}},
		{"get from the middle", get(500, 1<<20), map[string]int{"GET": 1}},
		{"copy", func(t *testing.T) {
			if _, err := l.Copy(t.Context(), "copy", "file", backends.CopyOptions{}); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"HEAD": 1, "COPY": 1}},
		{"copy of a known version", func(t *testing.T) {
			if _, err := l.Copy(t.Context(), "copy", "file", backends.CopyOptions{Source: file.Version, Size: file.Size}); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"COPY": 1}},
		{"metadata", func(t *testing.T) {
			o := backends.CopyOptions{Source: file.Version, Size: file.Size, Meta: &backends.Meta{Mode: 0o100600}}
			if _, err := l.Copy(t.Context(), "file", "file", o); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"HEAD": 1, "COPY": 1}},
		{"put under a condition", func(t *testing.T) {
			_, err := l.Put(t.Context(), "new", strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{Absent: true})
			if err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"PUT": 1}},
		{"remove of a version", func(t *testing.T) {
			if err := l.Remove(t.Context(), "file", backends.Cond{Version: file.Version}); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"DELETE": 1}},
		{"remove", func(t *testing.T) {
			if err := l.Remove(t.Context(), "copy", backends.Cond{}); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"DELETE": 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := total(l)
			l.faults.Forget()
			tt.do(t)
			want := int64(0)
			for _, n := range tt.want {
				want += int64(n)
			}
			until(t, "all requests have arrived", func() bool { return int64(l.faults.Count("")) >= want && total(l)-before >= want })
			if got := l.faults.Counts(); !maps.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if got := total(l) - before; got != want {
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

// TestConditions sends the version with every range of it.
func TestConditions(t *testing.T) {
	t.Parallel()
	l := newLab(t, testserver.Versitygw, nil)
	l.server.MustPut(t, bucket, "file", content(1000))
	e, err := l.Stat(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	l.faults.Forget()
	if _, _, err := read(t.Context(), l, "file", e.Version, 10, 20); err != nil {
		t.Fatal(err)
	}
	for _, r := range l.faults.Requests() {
		if r.Op != "GET" {
			continue
		}
		if r.IfMatch() != `"`+e.Version+`"` || r.Range() != "bytes=10-29" {
			t.Errorf("got If-Match %q, Range %q", r.IfMatch(), r.Range())
		}
	}
	// The same object has one version and one time in all replies.
	_, got, err := read(t.Context(), l, "file", "", 0, -1)
	if err != nil || got.Version != e.Version || !got.ModTime.Equal(e.ModTime) || got.Size != e.Size {
		t.Errorf("get says %+v, stat %+v, %v", got, e, err)
	}
	err = l.List(t.Context(), "", func(page []backends.Entry) error {
		if at := page[0]; at.Version != e.Version || !at.ModTime.Equal(e.ModTime) || at.Size != e.Size || len(at.Sums) != 1 {
			t.Errorf("list says %+v, stat %+v", at, e)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
