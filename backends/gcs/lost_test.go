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
	"sd/internal/testserver"
)

// TestLostAnswers has the server do what it is asked for and loses its first answer.
// The second request is refused by its own condition, and that is no failure.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	server := testserver.FakeGCS(t, bucket)
	when := time.Unix(1_700_000_000, 5_000_000)
	put := func(b *Backend, name, content string, m backends.Meta, c backends.Cond) (backends.Entry, error) {
		return b.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), m, c)
	}
	for _, tt := range []struct {
		name string
		lose string
		do   func(b *Backend, old backends.Entry) (backends.Entry, error)
		at   string
		want string
	}{
		{"put of a new file", "PUT", func(b *Backend, _ backends.Entry) (backends.Entry, error) {
			return put(b, "new", "content", backends.Meta{ModTime: when}, backends.Cond{Absent: true})
		}, "new", "content"},
		{"put with its digest", "PUT", func(b *Backend, _ backends.Entry) (backends.Entry, error) {
			m := backends.Meta{ModTime: when.Truncate(time.Second), BLAKE3: strings.Repeat("0", 64)}
			return put(b, "digest", "content", m, backends.Cond{Absent: true})
		}, "digest", "content"},
		{"put over a version", "PUT", func(b *Backend, old backends.Entry) (backends.Entry, error) {
			return put(b, "old", "newer", backends.Meta{ModTime: when}, backends.Cond{Version: old.Version})
		}, "old", "newer"},
		{"copy", "COPY", func(b *Backend, _ backends.Entry) (backends.Entry, error) {
			return b.Copy(t.Context(), "copy", "src", backends.CopyOptions{Cond: backends.Cond{Absent: true}})
		}, "copy", "source"},
		{"commit", "COMPOSE", func(b *Backend, _ backends.Entry) (backends.Entry, error) {
			u, err := b.Upload(t.Context(), "big", "", backends.Meta{})
			if err != nil {
				return backends.Entry{}, err
			}
			part, err := u.Part(t.Context(), 1, strings.NewReader("part"), 4)
			if err != nil {
				return backends.Entry{}, err
			}
			return u.Commit(t.Context(), []backends.Part{part}, backends.Cond{Absent: true})
		}, "big", "part"},
		{"metadata", "PATCH", func(b *Backend, old backends.Entry) (backends.Entry, error) {
			m := backends.Meta{ModTime: when, Mode: 0o100600}
			return b.Copy(t.Context(), "old", "old", backends.CopyOptions{Source: old.Version, Meta: &m, Cond: backends.Cond{Version: old.Version}})
		}, "old", "old"},
		{"beginning of an upload, and a part", "PUT", func(b *Backend, _ backends.Entry) (backends.Entry, error) {
			return uploadFile(t, b, "parts", backends.Cond{}, "a", "b"), nil
		}, "parts", "ab"},
		{"copy with other metadata", "COPY", func(b *Backend, _ backends.Entry) (backends.Entry, error) {
			o := backends.CopyOptions{Meta: &backends.Meta{Mode: 0o100600}, Cond: backends.Cond{Absent: true}}
			return b.Copy(t.Context(), "other copy", "src", o)
		}, "other copy", "source"},
		{"remove", "DELETE", func(b *Backend, _ backends.Entry) (backends.Entry, error) {
			e, err := b.Stat(t.Context(), "src")
			if err == nil {
				err = b.Remove(t.Context(), "src", backends.Cond{Version: e.Version})
			}
			return e, err
		}, "src", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server.MustPut(t, bucket, "old", "old", "src", "source")
			lost := 0
			lose := first(tt.lose)
			b := open(t, middle(t, server.URL, func(r *http.Request) bool {
				gone := lose(r)
				if gone {
					lost++
				}
				return gone
			}), nil)
			old, err := b.Stat(t.Context(), "old")
			if err != nil {
				t.Fatal(err)
			}
			e, err := tt.do(b, old)
			if err != nil || lost != 1 {
				t.Fatalf("got %+v, %v with %d answers lost", e, err, lost)
			}
			if tt.want == "" {
				if _, err := b.Stat(t.Context(), tt.at); !errors.Is(err, iofs.ErrNotExist) {
					t.Errorf("got %v, want %v", err, iofs.ErrNotExist)
				}
				return
			}
			if got, at, err := read(t.Context(), b, tt.at, "", 0, -1); got != tt.want || at.Version != e.Version || err != nil {
				t.Errorf("got %q of %+v, %v; want %q of %+v", got, at, err, tt.want, e)
			}
		})
	}
}

// TestOthersWorkIsNotOurs has somebody else write before us; each write must say so, also
// when its answer was lost and when the bytes are the same.
func TestOthersWorkIsNotOurs(t *testing.T) {
	t.Parallel()
	server := testserver.FakeGCS(t, bucket)
	for _, tt := range []struct {
		name, theirs, ours string
		lose               bool
		m                  backends.Meta
	}{
		{"other bytes", "theirs", "ours", true, backends.Meta{ModTime: time.Unix(9, 9)}},
		{"the same bytes, nothing known of the time", "same", "same", true, backends.Meta{}},
		{"the same bytes and time, no answer lost", "same", "same", false, backends.Meta{ModTime: time.Unix(9, 0)}},
		{"the same bytes at another time", "same", "same", true, backends.Meta{ModTime: time.Unix(9, 9)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			theirs := open(t, server.URL, nil)
			m := tt.m
			if !m.ModTime.IsZero() && m.ModTime.Nanosecond() != 0 {
				m.ModTime = m.ModTime.Add(time.Hour)
			}
			if _, err := theirs.Put(t.Context(), "lock", strings.NewReader(tt.theirs), int64(len(tt.theirs)), m, backends.Cond{}); err != nil {
				t.Fatal(err)
			}
			lose := first("PUT")
			b := open(t, middle(t, server.URL, func(r *http.Request) bool { return tt.lose && lose(r) }), nil)
			_, err := b.Put(t.Context(), "lock", strings.NewReader(tt.ours), int64(len(tt.ours)), tt.m, backends.Cond{Absent: true})
			if !errors.Is(err, iofs.ErrExist) {
				t.Errorf("got %v, want %v", err, iofs.ErrExist)
			}
		})
	}
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
