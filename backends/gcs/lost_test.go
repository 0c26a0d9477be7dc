package gcs

import (
	"bytes"
	"errors"
	"io"
	iofs "io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/internal/testserver"
)

// TestLostAnswers loses the first answer to each kind of write.
func TestLostAnswers(t *testing.T) {
	lossy(t).Answers(t, []backendtest.LostAnswer{
		{Name: "metadata", Lose: "PATCH", At: "old", Want: "old",
			Do: func(t *testing.T, b backends.Backend, old backends.Entry) (backends.Entry, error) {
				m := backends.Meta{ModTime: time.Unix(1_700_000_000, 5_000_000), Mode: 0o100600}
				o := backends.CopyOptions{Source: old.Version, Meta: &m, Cond: backends.Cond{Version: old.Version}}
				return b.(*Backend).Copy(t.Context(), "old", "old", o)
			}},
		{Name: "beginning of an upload, and a part", Lose: "PUT", At: "parts", Want: "ab",
			Do: func(t *testing.T, b backends.Backend, _ backends.Entry) (backends.Entry, error) {
				return uploadFile(t, b.(*Backend), "parts", backends.Cond{}, "a", "b"), nil
			}},
		{Name: "copy with other metadata", Lose: "COPY", At: "other copy", Want: "source",
			Do: func(t *testing.T, b backends.Backend, _ backends.Entry) (backends.Entry, error) {
				o := backends.CopyOptions{Meta: &backends.Meta{Mode: 0o100600}, Cond: backends.Cond{Absent: true}}
				return b.(*Backend).Copy(t.Context(), "other copy", "src", o)
			}},
	})
}

func TestOthersWorkIsNotOurs(t *testing.T) { lossy(t).OthersWork(t) }

// lossy is a store of its own that loses answers.
func lossy(t *testing.T) backendtest.Lossy {
	t.Helper()
	t.Parallel()
	server := testserver.FakeGCS(t, bucket)
	return backendtest.Lossy{Commit: "COMPOSE", First: first, Open: func(t *testing.T, lose func(*http.Request) bool) backends.Backend {
		return open(t, middle(t, server.URL, lose), nil)
	}}
}

// TestChangesOfOthersAreNotOurs has somebody else copy, or change what a file carries,
// before us; and our request is refused, after its first answer was lost.
func TestChangesOfOthersAreNotOurs(t *testing.T) {
	t.Parallel()
	server := testserver.FakeGCS(t, bucket)
	server.MustPut(t, bucket, "src", "source", "dst", "of others", "file", "x")
	theirs := open(t, server.URL, nil)
	old, err := theirs.Stat(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Copy(t.Context(), "file", "file", backends.CopyOptions{Meta: &backends.Meta{Mode: 0o100644}}); err != nil {
		t.Fatal(err)
	}
	lose := first("COPY", "PATCH")
	b := open(t, middle(t, server.URL, lose), nil)
	_, err = b.Copy(t.Context(), "dst", "src", backends.CopyOptions{Cond: backends.Cond{Absent: true}})
	if !errors.Is(err, iofs.ErrExist) {
		t.Errorf("copy: got %v, want %v", err, iofs.ErrExist)
	}
	o := backends.CopyOptions{Meta: &backends.Meta{Mode: 0o100600}, Cond: backends.Cond{Version: old.Version}}
	if _, err = b.Copy(t.Context(), "file", "file", o); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("change: got %v, want %v", err, backends.ErrChanged)
	}
}

// TestBodiesAreChecked changes a byte on the way. The server must notice.
func TestBodiesAreChecked(t *testing.T) {
	t.Parallel()
	server := testserver.FakeGCS(t, bucket)
	text := content(200_000)
	for _, parts := range []bool{false, true} {
		b := open(t, middle(t, server.URL, func(r *http.Request) bool {
			if op(r) == "PUT" && r.Method == http.MethodPost {
				body, _ := io.ReadAll(r.Body)
				if len(body) > 100_000 {
					body[50_000] ^= 1
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
			}
			return false
		}), nil)
		var err error
		if parts {
			var u backends.Upload
			if u, err = b.Upload(t.Context(), "file", "", backends.Meta{}); err != nil {
				t.Fatal(err)
			}
			_, err = u.Part(t.Context(), 1, strings.NewReader(text), int64(len(text)))
		} else {
			_, err = b.Put(t.Context(), "file", strings.NewReader(text), int64(len(text)), backends.Meta{}, backends.Cond{})
		}
		if err == nil || wraps(err) != nil || !strings.Contains(err.Error(), "400") {
			t.Errorf("in parts %v: got %v, want the server's refusal", parts, err)
		}
		checkError(t, err)
	}
	if _, err := open(t, server.URL, nil).Stat(t.Context(), "file"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
}
