package s3

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"sd/backends"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// TestBodiesAreChecked changes a byte on the way. The server must notice, whether it is
// once, and then sending again helps, or always. No body is signed.
func TestBodiesAreChecked(t *testing.T) {
	t.Parallel()
	server := testserver.Versitygw(t, bucket)
	text := content(200_000)
	for _, tt := range []struct {
		name  string
		times int
	}{{"once", 1}, {"always", 1 << 30}} {
		for _, what := range []string{"PUT", "PART"} {
			t.Run(what+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				var mu sync.Mutex
				left := tt.times
				b := open(t, middle(t, server.URL, func(r *http.Request) bool {
					mu.Lock()
					defer mu.Unlock()
					if op(r) != what {
						return false
					}
					if got := r.Header.Get("X-Amz-Content-Sha256"); got != "UNSIGNED-PAYLOAD" {
						t.Errorf("got X-Amz-Content-Sha256 %q", got)
					}
					if left--; left < 0 {
						return false
					}
					body, _ := io.ReadAll(r.Body)
					body[1000] ^= 1
					r.Body = io.NopCloser(bytes.NewReader(body))
					return false
				}), nil)
				name := what + tt.name
				err := write(t, b, what, name, text)
				if tt.times == 1 {
					if got, _, rerr := read(t.Context(), b, name, "", 0, -1); err != nil || rerr != nil || got != text {
						t.Errorf("got %v, %v", err, rerr)
					}
					return
				}
				if err == nil || wraps(err) != nil {
					t.Errorf("got %v, want an error that is no sentinel", err)
				}
				checkError(t, err)
				if b.signsBodies.Load() {
					t.Error("a broken body is taken for a server that knows no checksums")
				}
			})
		}
	}
}

// write makes a file in one request or as an upload of one part.
func write(t *testing.T, b *Backend, what, name, text string) error {
	t.Helper()
	if what == "PUT" {
		_, err := b.Put(t.Context(), name, strings.NewReader(text), int64(len(text)), backends.Meta{}, backends.Cond{})
		return err
	}
	u, err := b.Upload(t.Context(), name, "", backends.Meta{})
	if err != nil {
		return err
	}
	part, err := u.Part(t.Context(), 1, strings.NewReader(text), int64(len(text)))
	if err != nil {
		return errors.Join(err, u.Abort(t.Context()))
	}
	_, err = u.Commit(t.Context(), []backends.Part{part}, backends.Cond{})
	return err
}

// TestServersWithoutChecksums refuse the header once; from then on bodies are signed.
func TestServersWithoutChecksums(t *testing.T) {
	t.Parallel()
	for _, refusal := range []netproxy.Fault{
		{Kind: netproxy.Status, Status: 501},
		{Kind: netproxy.Status, Status: 400, Code: "XAmzContentSHA256Mismatch"},
	} {
		for _, what := range []string{"PUT", "PART"} {
			l := newLab(t, testserver.Gofakes3, nil)
			l.faults.ScriptFunc(func(r netproxy.Request) netproxy.Fault {
				if r.Header.Get("X-Amz-Checksum-Crc32c")+r.Header.Get("X-Amz-Checksum-Algorithm") != "" {
					return refusal
				}
				return netproxy.Fault{}
			})
			for _, name := range []string{"a", "b"} {
				if err := write(t, l.Backend, what, name, "some text"); err != nil {
					t.Fatal(err)
				}
				if got, _, err := read(t.Context(), l, name, "", 0, -1); got != "some text" || err != nil {
					t.Errorf("got %q, %v", got, err)
				}
			}
			last := netproxy.Request{}
			for _, r := range l.faults.Requests() {
				if r.Op == what {
					last = r
				}
			}
			if got := last.Header.Get("X-Amz-Content-Sha256"); len(got) != 64 {
				t.Errorf("%s: the body is sent with %q, want its SHA-256", what, got)
			}
		}
	}
}

// TestBodiesOfANewLogin are sent from their beginning after the server refused the keys.
func TestBodiesOfANewLogin(t *testing.T) {
	t.Parallel()
	l := newLab(t, testserver.Versitygw, nil)
	names(t, l, "")
	l.mu.Lock()
	l.conn.made = l.conn.made.Add(-1 << 40)
	l.mu.Unlock()
	l.faults.Script(netproxy.Rule{Op: "PUT", Times: 1, Fault: netproxy.Fault{Kind: netproxy.Status, Status: 403, Code: "InvalidAccessKeyId"}})
	if err := write(t, l.Backend, "PUT", "file", "text"); err != nil {
		t.Fatal(err)
	}
	if got, _, err := read(t.Context(), l, "file", "", 0, -1); got != "text" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
