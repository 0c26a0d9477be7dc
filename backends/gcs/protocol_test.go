package gcs

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"net/http"
	"strings"
	"testing"

	"sd/backends"
)

// TestUntrueReplies checks that nothing is believed that was not asked for.
func TestUntrueReplies(t *testing.T) {
	t.Parallel()
	const ten = "0123456789"
	ranged := func(span string, more ...string) map[string]string {
		h := map[string]string{"Content-Range": span, "X-Goog-Generation": "7", "X-Goog-Metageneration": "1"}
		for i := 0; i+1 < len(more); i += 2 {
			h[more[i]] = more[i+1]
		}
		return h
	}
	whole := map[string]string{"X-Goog-Generation": "7", "X-Goog-Metageneration": "1"}
	for _, tt := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		off, n int64
		want   error // nil: any error
		serves string
	}{
		{"the range", 206, ranged("bytes 2-4/10"), "234", 2, 3, nil, "234"},
		{"the range to the end", 206, ranged("bytes 7-9/10"), "789", 7, 50, nil, "789"},
		{"all where all was asked for", 200, whole, ten, 0, 10, nil, ten},
		{"all where more was asked for", 200, whole, ten, 0, 20, nil, ten},
		{"other metadata", 206, ranged("bytes 2-4/10", "X-Goog-Metageneration", "2"), "234", 2, 3, nil, "234"},
		{"packed as it is stored", 206, ranged("bytes 2-4/10", "Content-Encoding", "gzip", "X-Goog-Stored-Content-Encoding", "gzip"), "234", 2, 3, nil, "234"},
		{"all where a part was asked for", 200, whole, ten, 0, 3, nil, ""},
		{"all where the rest was asked for", 200, whole, ten, 3, -1, nil, ""},
		{"another range", 206, ranged("bytes 3-5/10"), "345", 2, 3, nil, ""},
		{"a shorter range", 206, ranged("bytes 2-3/10"), "23", 2, 3, nil, ""},
		{"a longer range", 206, ranged("bytes 2-5/10"), "2345", 2, 3, nil, ""},
		{"a range that lies about its length", 206, ranged("bytes 2-4/10"), "23", 2, 3, nil, ""},
		{"a range beyond the end", 206, ranged("bytes 2-4/3"), "234", 2, 3, nil, ""},
		{"a range of unknown size", 206, ranged("bytes 2-4/*"), "234", 2, 3, nil, ""},
		{"nonsense for a range", 206, ranged("pages 2-4/10"), "234", 2, 3, nil, ""},
		{"another generation", 206, ranged("bytes 2-4/10", "X-Goog-Generation", "8"), "234", 2, 3, backends.ErrChanged, ""},
		{"no generation", 206, map[string]string{"Content-Range": "bytes 2-4/10"}, "234", 2, 3, nil, ""},
		{"packed on the way", 206, ranged("bytes 2-4/10", "Content-Encoding", "gzip", "X-Goog-Stored-Content-Encoding", "identity"), "234", 2, 3, nil, ""},
		{"unpacked on the way", 200, ranged("bytes 2-4/10", "X-Goog-Stored-Content-Encoding", "gzip"), "234", 2, 3, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := strange(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.URL.Query().Get("ifGenerationMatch"); got != "7" {
					t.Errorf("got ifGenerationMatch %q", got)
				}
				if got := r.Header.Get("Accept-Encoding"); got != "gzip" {
					t.Errorf("got Accept-Encoding %q: the server would unpack", got)
				}
				for k, v := range tt.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			})
			got, e, err := read(t.Context(), b, "key", "7.1", tt.off, tt.n)
			checkError(t, err)
			switch {
			case got != tt.serves:
				t.Errorf("got %q, want %q", got, tt.serves)
			case tt.serves == "" && err == nil, tt.serves != "" && err != nil:
				t.Errorf("got error %v", err)
			case tt.want != nil && !errors.Is(err, tt.want):
				t.Errorf("got %v, want %v", err, tt.want)
			case err == nil && (e.Version != "7.1" || e.Size != 10):
				t.Errorf("got %+v", e)
			}
		})
	}
}

// TestNotGCS meets servers that speak something else, or break the protocol.
func TestNotGCS(t *testing.T) {
	t.Parallel()
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, text)
		}
	}
	list := func(b *Backend) error {
		return b.List(t.Context(), "dir", func([]backends.Entry) error { return nil })
	}
	stat := func(b *Backend) error { _, err := b.Stat(t.Context(), "key"); return err }
	write := func(b *Backend) error {
		_, err := b.Put(t.Context(), "key", strings.NewReader("text"), 4, backends.Meta{}, backends.Cond{})
		return err
	}
	copy := func(b *Backend) error {
		_, err := b.Copy(t.Context(), "key", "src", backends.CopyOptions{Source: "7.1", Size: 4})
		return err
	}
	patch := func(b *Backend) error {
		_, err := b.Copy(t.Context(), "key", "key", backends.CopyOptions{Meta: &backends.Meta{Mode: 0o600}})
		return err
	}
	for name, tt := range map[string]struct {
		do     func(*Backend) error
		answer http.HandlerFunc
	}{
		"a page of a hotel":          {list, say("<html>Welcome to the hotel<br></html>")},
		"tea":                        {list, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "go away", http.StatusTeapot) }},
		"a listing without end":      {list, say(`{"items":[{"name":"dir/x","generation":"1","metageneration":"1"}],"nextPageToken":"a"}`)},
		"keys that nobody asked for": {list, say(`{"items":[{"name":"x"}]}`)},
		"prefixes of others":         {list, say(`{"prefixes":["x/"]}`)},
		"another object":             {stat, say(`{"name":"other","generation":"1"}`)},
		"no generation":              {stat, say(`{"name":"key"}`)},
		"it stored something else":   {write, say(`{"name":"key","generation":"1","size":"3"}`)},
		"it stored other bytes":      {write, say(`{"name":"key","generation":"1","size":"4","crc32c":"AAAAAA=="}`)},
		"a copy without end":         {copy, say(`{"done":false}`)},
		"a copy of nothing":          {copy, say(`{"done":true}`)},
		"a change of another":        {patch, say(`{"name":"other","generation":"1"}`)},
		"nothing":                    {write, say(``)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.do(strange(t, tt.answer))
			if err == nil || wraps(err) != nil && name != "nothing" {
				t.Errorf("got %v, want an error that is no sentinel", err)
			}
			checkError(t, err)
		})
	}
}

// TestReadsOfNothing needs no range that a server would refuse.
func TestReadsOfNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.server.MustPut(t, bucket, "empty", "", "ten", "0123456789")
	for _, tt := range []struct {
		name   string
		off, n int64
		want   string
	}{{"empty", 0, -1, ""}, {"empty", 0, 5, ""}, {"ten", 10, -1, ""}, {"ten", 99, 1, ""}, {"ten", 3, 0, ""}, {"ten", 9, 1 << 62, "9"}} {
		got, e, err := read(t.Context(), l, tt.name, "", tt.off, tt.n)
		if err != nil || got != tt.want || e.Version == "" || e.Name != tt.name {
			t.Errorf("%s at %d: got %q, %+v, %v", tt.name, tt.off, got, e, err)
		}
	}
	if _, _, err := l.Get(t.Context(), "", "", 0, -1); !errors.Is(err, backends.ErrIsDir) {
		t.Errorf("get of the root: got %v", err)
	}
	if _, _, err := l.Get(t.Context(), "ten", "", -1, 1); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("get before the start: got %v", err)
	}
}

// TestYieldError returns the caller's own error as it is and stops asking.
func TestYieldError(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(c *Config) { c.PageSize = 1 })
	l.server.MustPut(t, bucket, "a", "", "b", "", "c", "", "d", "")
	stop := errors.New("enough")
	if err := l.List(t.Context(), "", func([]backends.Entry) error { return stop }); err != stop {
		t.Errorf("got %v, want %v", err, stop)
	}
	if n := l.faults.Count("LIST"); n > 2 {
		t.Errorf("asked for %d pages, want at most the one in advance", n)
	}
	if err := l.Walk(context.Background(), "", "", func([]backends.Entry) error { return stop }); err != stop {
		t.Errorf("got %v, want %v", err, stop)
	}
}

// TestRequests counts what each verb costs, at the server and in Stats.
func TestRequests(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(c *Config) { c.PageSize = 10 })
	for i := range 25 {
		l.server.MustPut(t, bucket, fmt.Sprintf("big/%02d", i), "x")
	}
	l.server.MustPut(t, bucket, "file", content(1000), "dir/in", "x")
	file, err := l.Stat(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	// The LIST of it may come after the other has answered.
	until(t, "all of that was asked", func() bool { return l.faults.Count("LIST") == 1 && total(l) == 2 })
	list := func(dir string) func(*testing.T) { return func(t *testing.T) { names(t, l, dir) } }
	stat := func(name string) func(*testing.T) {
		return func(t *testing.T) {
			if _, err := l.Stat(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	copy := func(dst, src string, o backends.CopyOptions) func(*testing.T) {
		return func(t *testing.T) {
			if _, err := l.Copy(t.Context(), dst, src, o); err != nil {
				t.Fatal(err)
			}
		}
	}
	known := backends.CopyOptions{Source: file.Version, Size: file.Size}
	carrying := known
	carrying.Meta = &backends.Meta{Mode: 0o100600}
	for _, tt := range []struct {
		name string
		do   func(*testing.T)
		want map[string]int
	}{
		{"list three pages", list("big"), map[string]int{"LIST": 3}},
		{"list one page", list("dir"), map[string]int{"LIST": 1}},
		{"walk", func(t *testing.T) {
			if err := l.Walk(t.Context(), "big", "big/15", func([]backends.Entry) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"LIST": 1}},
		{"stat the root", stat(""), map[string]int{"LIST": 1}},
		{"stat a file", stat("file"), map[string]int{"LIST": 1, "HEAD": 1}},
		{"stat a directory", stat("dir"), map[string]int{"LIST": 1, "HEAD": 1}},
		{"get all", func(t *testing.T) { read(t.Context(), l, "file", "", 0, -1) }, map[string]int{"GET": 1}},
		{"get from the middle", func(t *testing.T) { read(t.Context(), l, "file", file.Version, 500, 1<<20) }, map[string]int{"GET": 1}},
		{"copy", copy("copy", "file", backends.CopyOptions{}), map[string]int{"HEAD": 1, "COPY": 1}},
		{"copy of a known version", copy("copy", "file", known), map[string]int{"COPY": 1}},
		{"copy with other metadata", copy("copy", "file", carrying), map[string]int{"HEAD": 1, "COPY": 1}},
		{"metadata", copy("file", "file", carrying), map[string]int{"PATCH": 1}},
		{"put under a condition", func(t *testing.T) {
			if _, err := l.Put(t.Context(), "new", strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{Absent: true}); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"PUT": 1}},
		{"upload of two parts", func(t *testing.T) { uploadFile(t, l.Backend, "up", backends.Cond{}, "one", "two") },
			map[string]int{"PUT": 3, "HEAD": 3, "COMPOSE": 1, "LIST": 1, "DELETE": 3}},
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

// TestConditions are sent with every range, and with every write.
func TestConditions(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.server.MustPut(t, bucket, "file", content(1000), "other", "x")
	if err := l.server.Patch(t.Context(), bucket, "file", map[string]any{"metadata": map[string]any{"colour": "red"}}); err != nil {
		t.Fatal(err)
	}
	e, err := l.Stat(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	generation, metageneration := parseVersion(e.Version)
	if metageneration != 2 {
		t.Fatalf("got version %q, want one of metageneration 2", e.Version)
	}
	l.faults.Forget()
	c := backends.Cond{Version: e.Version}
	_, _, _ = read(t.Context(), l, "file", e.Version, 10, 20)
	_, _ = l.Copy(t.Context(), "file", "other", backends.CopyOptions{Source: "9.9", Size: 1, Cond: c})
	_, _ = l.Copy(t.Context(), "copy", "file", backends.CopyOptions{Source: e.Version, Size: e.Size, Cond: backends.Cond{Absent: true}})
	at, err := l.Copy(t.Context(), "file", "file", backends.CopyOptions{Source: e.Version, Size: e.Size, Meta: &backends.Meta{}, Cond: c})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Remove(t.Context(), "file", backends.Cond{Version: at.Version}); err != nil {
		t.Fatal(err)
	}
	g := fmt.Sprint(generation)
	want := []string{"GET " + g + ".. bytes=10-29", "COPY " + g + ".2.9 ", "COPY 0.." + g + " ", "PATCH " + g + ".2. ", "DELETE " + g + ".3. "}
	got := []string{}
	for _, r := range l.faults.Requests() {
		if r.Op != "HEAD" {
			q := r.Query
			got = append(got, fmt.Sprintf("%s %s.%s.%s %s", r.Op, q.Get("ifGenerationMatch"), q.Get("ifMetagenerationMatch"), q.Get("ifSourceGenerationMatch"), r.Range()))
		}
	}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
