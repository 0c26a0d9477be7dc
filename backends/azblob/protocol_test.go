package azblob

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/testserver"
)

// strange is a backend on a server that answers in ways that Azure does not.
func strange(t *testing.T, answer http.HandlerFunc) *Backend {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return open(t, func(c *Config) { c.Endpoint, c.Container = s.URL, "strange" })
}

// TestUntrueReplies checks that nothing is believed that was not asked for.
func TestUntrueReplies(t *testing.T) {
	t.Parallel()
	const ten = "0123456789"
	ranged := func(r string) map[string]string {
		return map[string]string{"Content-Range": r, "ETag": `"v"`}
	}
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
		{"all where all was asked for", 200, map[string]string{"ETag": `"v"`}, ten, 0, 10, nil, ten},
		{"all where more was asked for", 200, map[string]string{"ETag": `"v"`}, ten, 0, 20, nil, ten},
		{"all where a part was asked for", 200, map[string]string{"ETag": `"v"`}, ten, 0, 3, nil, ""},
		{"all where the rest was asked for", 200, map[string]string{"ETag": `"v"`}, ten, 3, -1, nil, ""},
		{"another range", 206, ranged("bytes 3-5/10"), "345", 2, 3, nil, ""},
		{"a shorter range", 206, ranged("bytes 2-3/10"), "23", 2, 3, nil, ""},
		{"a longer range", 206, ranged("bytes 2-5/10"), "2345", 2, 3, nil, ""},
		{"a range that lies about its length", 206, ranged("bytes 2-4/10"), "23", 2, 3, nil, ""},
		{"a range beyond the end", 206, ranged("bytes 2-4/3"), "234", 2, 3, nil, ""},
		{"an empty range inside", 206, ranged("bytes 2-1/10"), "", 2, 3, nil, ""},
		{"a range of unknown size", 206, ranged("bytes 2-4/*"), "234", 2, 3, nil, ""},
		{"nonsense for a range", 206, ranged("pages 2-4/10"), "234", 2, 3, nil, ""},
		{"another version", 206, map[string]string{"Content-Range": "bytes 2-4/10", "ETag": `"w"`}, "234", 2, 3, backends.ErrChanged, ""},
		{"no version", 206, map[string]string{"Content-Range": "bytes 2-4/10"}, "234", 2, 3, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
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

// TestNotAzure meets servers that speak something else.
func TestNotAzure(t *testing.T) {
	t.Parallel()
	page := func(inside string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, `<EnumerationResults>`+inside+`</EnumerationResults>`)
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"a page of the web":   func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>Welcome to the hotel<br></html>") },
		"no coffee":           func(w http.ResponseWriter, r *http.Request) { http.Error(w, "go away", http.StatusTeapot) },
		"no end":              page(`<Blobs/><NextMarker>a</NextMarker>`),
		"names of others":     page(`<Blobs><Blob><Name>x</Name><Properties/></Blob></Blobs>`),
		"prefixes of others":  page(`<Blobs><BlobPrefix><Name>x/</Name></BlobPrefix></Blobs>`),
		"prefixes of no kind": page(`<Blobs><BlobPrefix><Name>dir/x</Name></BlobPrefix></Blobs>`),
		"a blob of no name":   page(`<Blobs><Blob><Properties/></Blob></Blobs>`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := strange(t, answer).List(t.Context(), "dir", func([]backends.Entry) error { return nil })
			if err == nil || wraps(err) != nil {
				t.Errorf("got %v, want an error that is no sentinel", err)
			}
			checkError(t, err)
		})
	}
}

// TestPut checks what goes over the wire: a checksum, the condition and the usual metadata.
func TestPut(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	var got http.Header
	b := strange(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		if body, _ := io.ReadAll(r.Body); string(body) != "text" {
			t.Errorf("got body %q", body)
		}
		w.Header().Set("ETag", `"e"`)
		w.WriteHeader(http.StatusCreated)
	})
	e, err := b.Put(t.Context(), "k", strings.NewReader("text"), 4, backends.Meta{
		ModTime: time.Unix(1700000000, 120000000), Mode: 0o100644, UID: &uid, LinkTarget: "a b", BLAKE3: "ff", ContentType: "text/x",
	}, backends.Cond{Version: "old"})
	if err != nil || e.Version != "e" || e.Size != 4 {
		t.Fatalf("got %+v, %v", e, err)
	}
	for name, want := range map[string]string{
		"X-Ms-Meta-Mtime": "2023-11-14T22:13:20.12Z", "X-Ms-Meta-Sd_mode": "33188", "X-Ms-Meta-Sd_uid": "1000", "X-Ms-Meta-Sd_gid": "",
		"X-Ms-Meta-Sd_link": "a+b", "X-Ms-Meta-Sd_blake3": "ff", "X-Ms-Blob-Content-Type": "text/x", "If-Match": `"old"`,
		"If-None-Match": "", "X-Ms-Blob-Type": "BlockBlob", "Expect": "",
	} {
		if got.Get(name) != want {
			t.Errorf("%s: got %q, want %q", name, got.Get(name), want)
		}
	}
	if got.Get("Content-Md5") == "" || got.Get("Content-Md5") != got.Get("X-Ms-Blob-Content-Md5") {
		t.Errorf("got checksums %q and %q", got.Get("Content-Md5"), got.Get("X-Ms-Blob-Content-Md5"))
	}
	if !strings.HasPrefix(got.Get("Authorization"), "SharedKey "+testserver.AzureAccount+":") {
		t.Error("the request is not signed")
	}
	if _, err := b.Put(t.Context(), "k", strings.NewReader(""), maxPut+1, backends.Meta{}, backends.Cond{}); !errors.Is(err, backends.ErrTooLarge) {
		t.Errorf("got %v, want %v", err, backends.ErrTooLarge)
	}
}

// TestBodiesAreChecked changes a byte on the way. The server must notice, whether it is
// once, and then sending again helps, or always.
func TestBodiesAreChecked(t *testing.T) {
	t.Parallel()
	text := content(200_000)
	for _, what := range []string{"PUT", "PART"} {
		for _, tt := range []struct {
			name  string
			times int
		}{{"once", 1}, {"always", 1 << 30}} {
			t.Run(what+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				left := tt.times
				endpoint := middle(t, func(r *http.Request) bool {
					if op(r) != what {
						return false
					}
					if left--; left >= 0 {
						body, _ := io.ReadAll(r.Body)
						body[1000] ^= 1
						r.Body = io.NopCloser(strings.NewReader(string(body)))
					}
					return false
				})
				b := open(t, func(c *Config) { c.Endpoint, c.Container = endpoint, fresh(t) })
				err := write(t, b, what, "file", text)
				if tt.times > 1 {
					if err == nil || wraps(err) != nil {
						t.Errorf("got %v, want an error that is no sentinel", err)
					}
					return
				}
				if got, _, rerr := read(t.Context(), b, "file", "", 0, -1); err != nil || rerr != nil || got != text {
					t.Errorf("got %v, %v", err, rerr)
				}
			})
		}
	}
}

// write makes a file by a PUT, or by an upload of one PART.
func write(t *testing.T, b *Backend, how, name, text string) error {
	t.Helper()
	if how == "PUT" {
		_, err := b.Put(t.Context(), name, strings.NewReader(text), int64(len(text)), backends.Meta{}, backends.Cond{})
		return err
	}
	u, err := b.Upload(t.Context(), name, "", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	part, err := u.Part(t.Context(), 1, strings.NewReader(text), int64(len(text)))
	if err == nil {
		_, err = u.Commit(t.Context(), []backends.Part{part}, backends.Cond{})
	}
	return err
}
