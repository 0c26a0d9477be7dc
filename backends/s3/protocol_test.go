package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/testserver"
)

// strange serves an object of ten bytes in ways that S3 does not.
func strange(t *testing.T, answer http.HandlerFunc) *Backend {
	t.Helper()
	return strangeWith(t, answer, nil)
}

func strangeWith(t *testing.T, answer http.HandlerFunc, change func(*Config)) *Backend {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return open(t, s.URL, change)
}

// TestUntrueReplies checks that nothing is believed that was not asked for.
func TestUntrueReplies(t *testing.T) {
	t.Parallel()
	const ten = "0123456789"
	for _, tt := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		off, n int64
		want   error // nil: any error
		serves string
	}{
		{"the range", 206, map[string]string{"Content-Range": "bytes 2-4/10", "ETag": `"v"`}, "234", 2, 3, nil, "234"},
		{"the range to the end", 206, map[string]string{"Content-Range": "bytes 7-9/10", "ETag": `"v"`}, "789", 7, 50, nil, "789"},
		{"all where all was asked for", 200, map[string]string{"ETag": `"v"`}, ten, 0, 10, nil, ten},
		{"all where more was asked for", 200, map[string]string{"ETag": `"v"`}, ten, 0, 20, nil, ten},
		{"an unquoted tag", 206, map[string]string{"Content-Range": "bytes 2-4/10", "ETag": `v`}, "234", 2, 3, nil, "234"},
		{"all where a part was asked for", 200, map[string]string{"ETag": `"v"`}, ten, 0, 3, nil, ""},
		{"all where the rest was asked for", 200, map[string]string{"ETag": `"v"`}, ten, 3, -1, nil, ""},
		{"another range", 206, map[string]string{"Content-Range": "bytes 3-5/10", "ETag": `"v"`}, "345", 2, 3, nil, ""},
		{"a shorter range", 206, map[string]string{"Content-Range": "bytes 2-3/10", "ETag": `"v"`}, "23", 2, 3, nil, ""},
		{"a longer range", 206, map[string]string{"Content-Range": "bytes 2-5/10", "ETag": `"v"`}, "2345", 2, 3, nil, ""},
		{"a range that lies about its length", 206, map[string]string{"Content-Range": "bytes 2-4/10", "ETag": `"v"`}, "23", 2, 3, nil, ""},
		{"a range beyond the end", 206, map[string]string{"Content-Range": "bytes 2-4/3", "ETag": `"v"`}, "234", 2, 3, nil, ""},
		{"a range of unknown size", 206, map[string]string{"Content-Range": "bytes 2-4/*", "ETag": `"v"`}, "234", 2, 3, nil, ""},
		{"nonsense for a range", 206, map[string]string{"Content-Range": "pages 2-4/10", "ETag": `"v"`}, "234", 2, 3, nil, ""},
		{"another version", 206, map[string]string{"Content-Range": "bytes 2-4/10", "ETag": `"w"`}, "234", 2, 3, backends.ErrChanged, ""},
		{"no version", 206, map[string]string{"Content-Range": "bytes 2-4/10"}, "234", 2, 3, backends.ErrChanged, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := strange(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("If-Match") != `"v"` {
					t.Errorf("got If-Match %q", r.Header.Get("If-Match"))
				}
				for k, v := range tt.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			})
			got, _, err := read(t.Context(), b, "key", "v", tt.off, tt.n)
			checkError(t, err)
			switch {
			case got != tt.serves:
				t.Errorf("got %q, want %q", got, tt.serves)
			case tt.serves == "" && err == nil, tt.serves != "" && err != nil:
				t.Errorf("got error %v", err)
			case tt.want != nil && !errors.Is(err, tt.want):
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestNotS3 meets servers that speak something else.
func TestNotS3(t *testing.T) {
	t.Parallel()
	for _, answer := range []http.HandlerFunc{
		func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>Welcome to the hotel<br></html>") },
		func(w http.ResponseWriter, r *http.Request) { http.Error(w, "go away", http.StatusTeapot) },
		func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, `<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>`)
		},
		func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>a</NextContinuationToken></ListBucketResult>`)
		},
		func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, `<ListBucketResult><Contents><Key>x</Key></Contents></ListBucketResult>`)
		},
	} {
		err := strange(t, answer).List(t.Context(), "dir", func([]backends.Entry) error { return nil })
		if err == nil || wraps(err) != nil {
			t.Errorf("got %v, want an error that is no sentinel", err)
		}
		checkError(t, err)
	}
}

// TestOddKeys lists keys that no POSIX name can hold, and reaches each of them again.
func TestOddKeys(t *testing.T) {
	t.Parallel()
	filled := []string{"full/", "a/", "/", "//"} // markers with bytes
	keys := []string{
		"full/", "a/", "/", "//", "plain", "x", "x/y", "a//b", "a///c", "dir/", "dir/sub/", "/lead", "/deep/er", "//two", "../up", "./here", "s/../t",
		"ctl\x01", "per%cent", "pl+us", "bad\xffutf8", strings.Repeat("n", 300), "nul\x00",
	}
	b := strange(t, listing(keys, func(key string) int64 {
		if marks(key) && !slices.Contains(filled, key) {
			return 0
		}
		return 1
	}, 2))
	for _, tt := range []struct {
		dir  string
		want []string
	}{
		{"", []string{
			"../", "./", "a/", "bad\xffutf8", "ctl\x01", "dir/", "full/", strings.Repeat("n", 300), "nul\x00", "per%cent", "pl+us", "plain",
			"s/", "x", "x/", "/", "//", "/deep/", "/lead",
		}},
		{"a", []string{"", "/"}},
		{"full", []string{""}},
		{"a/", []string{"/", "b"}},
		{"a//", []string{"c"}},
		{"/", []string{"", "two"}},
		{"/deep", []string{"er"}},
		{"dir", []string{"sub/"}},
		{"x", []string{"y"}},
		{"..", []string{"up"}},
		{"s/..", []string{"t"}},
	} {
		got := names(t, b, tt.dir)
		slices.Sort(got)
		slices.Sort(tt.want)
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
			t.Errorf("list %q:\n got %q\nwant %q", tt.dir, got, tt.want)
		}
	}
	for name, kind := range map[string]backends.Kind{
		"x": backends.File, "a": backends.Dir, "a/": backends.File, "a//": backends.Dir, "/": backends.File, "//": backends.File, "/deep": backends.Dir,
		"/lead": backends.File, "a//b": backends.File, "": backends.Dir, "dir": backends.Dir, "dir/sub": backends.Dir, "full": backends.Dir, "full/": backends.File,
	} {
		if e, err := b.Stat(t.Context(), name); err != nil || e.Kind != kind || e.Name != name {
			t.Errorf("stat %q: got %+v, %v", name, e, err)
		}
	}
	for name, kind := range map[string]backends.Kind{
		"a/": backends.Dir, "full/": backends.File, "/": backends.Dir, "//": backends.File, "dir": backends.Dir, "x": backends.Dir,
	} {
		if e, err := b.StatDir(t.Context(), name); err != nil || e.Kind != kind || e.Name != name {
			t.Errorf("stat of folder %q: got %+v, %v", name, e, err)
		}
	}
	for _, name := range []string{"dir/", "dir/sub/", "x/", "plain/"} {
		if e, err := b.Stat(t.Context(), name); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("stat %q: got %+v, %v", name, e, err)
		}
	}
	var walked []string
	err := b.Walk(t.Context(), "", "", func(page []backends.Entry) error {
		for _, e := range page {
			walked = append(walked, e.Name)
		}
		return nil
	})
	if err != nil || len(walked) != len(keys) {
		t.Errorf("walk: got %d of %d keys, %v: %q", len(walked), len(keys), err, walked)
	}
}

// TestRegion learns a bucket's region from the server's refusal, once.
func TestRegion(t *testing.T) {
	t.Parallel()
	var refused atomic.Int64
	b := strange(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "/eu-far-9/s3/") {
			refused.Add(1)
			w.Header().Set("X-Amz-Bucket-Region", "eu-far-9")
			w.WriteHeader(http.StatusMovedPermanently)
			return
		}
		fmt.Fprint(w, `<ListBucketResult></ListBucketResult>`)
	})
	for range 3 {
		if _, err := b.Stat(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	if n := refused.Load(); n != 1 {
		t.Errorf("refused %d times, want once", n)
	}
}

// redirect sends every request to one server, whatever its host, and remembers hosts.
type redirect struct {
	to    string
	hosts chan string
}

func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	r.hosts <- req.Method + " " + req.URL.Host
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host = "http", r.to
	return http.DefaultTransport.RoundTrip(req)
}

// TestDiscovery asks AWS where the bucket is if nothing else tells.
func TestDiscovery(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			if r.Header.Get("Authorization") != "" {
				t.Error("the question for the region is signed")
			}
			w.Header().Set("X-Amz-Bucket-Region", "ap-south-2")
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `<ListBucketResult></ListBucketResult>`)
	}))
	defer s.Close()
	hosts := make(chan string, 10)
	b := open(t, "", func(c *Config) { c.Transport = redirect{strings.TrimPrefix(s.URL, "http://"), hosts} })
	for range 2 {
		if _, err := b.Stat(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	close(hosts)
	var got []string
	for h := range hosts {
		got = append(got, h)
	}
	want := []string{
		"HEAD photos.s3.us-east-1.amazonaws.com", "GET photos.s3.ap-south-2.amazonaws.com", "GET photos.s3.ap-south-2.amazonaws.com",
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestPut checks what goes over the wire: a plain body and the usual metadata.
func TestPut(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	var got http.Header
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		body, _ := io.ReadAll(r.Body)
		if string(body) != "text" {
			t.Errorf("got body %q", body)
		}
		w.Header().Set("ETag", `"e"`)
	}))
	defer s.Close()
	b := open(t, s.URL, func(c *Config) { c.Capabilities = &heedful })
	e, err := b.Put(t.Context(), "k", strings.NewReader("text"), 4, backends.Meta{
		ModTime: time.Unix(1700000000, 120000000), Mode: 0o100644, UID: &uid, LinkTarget: "a b", BLAKE3: "ff", ContentType: "text/x",
	}, backends.Cond{Version: "old"})
	if err != nil || e.Version != "e" || e.Size != 4 {
		t.Fatalf("got %+v, %v", e, err)
	}
	for name, want := range map[string]string{
		"X-Amz-Meta-Mtime": "1700000000.12", "X-Amz-Meta-Mode": "33188", "X-Amz-Meta-Uid": "1000", "X-Amz-Meta-Gid": "",
		"X-Amz-Meta-Sd-Link": "a+b", "X-Amz-Meta-Sd-Blake3": "ff", "Content-Type": "text/x", "If-Match": `"old"`,
		"If-None-Match": "", "X-Amz-Trailer": "", "Content-Encoding": "", "X-Amz-Sdk-Checksum-Algorithm": "",
		"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD", "X-Amz-Checksum-Crc32c": "L1MZ4Q==",
	} {
		if got.Get(name) != want {
			t.Errorf("%s: got %q, want %q", name, got.Get(name), want)
		}
	}
	if _, err := b.Put(t.Context(), "k", strings.NewReader(""), maxPut+1, backends.Meta{}, backends.Cond{}); !errors.Is(err, backends.ErrTooLarge) {
		t.Errorf("got %v, want %v", err, backends.ErrTooLarge)
	}
}

// TestReadsOfNothing needs no range that a server would refuse.
func TestReadsOfNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, testserver.Versitygw, nil)
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
	l := newLab(t, testserver.Gofakes3, func(c *Config) { c.PageSize = 1 })
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
