package s3

import (
	"errors"
	iofs "io/fs"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/testserver"
)

// TestLostAnswers has the server do what it is asked for and loses its first answer.
// The second request is refused by its own condition, and that is no failure.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	server := testserver.Versitygw(t, bucket)
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
		{"commit", "COMPLETE", func(b *Backend, _ backends.Entry) (backends.Entry, error) {
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
			}), func(c *Config) { c.Capabilities = &heedful })
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
	server := testserver.Versitygw(t, bucket)
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
			theirs := open(t, server.URL, func(c *Config) { c.Capabilities = &heedful })
			m := tt.m
			if !m.ModTime.IsZero() && m.ModTime.Nanosecond() != 0 {
				m.ModTime = m.ModTime.Add(time.Hour)
			}
			if _, err := theirs.Put(t.Context(), "lock", strings.NewReader(tt.theirs), int64(len(tt.theirs)), m, backends.Cond{}); err != nil {
				t.Fatal(err)
			}
			lose := first("PUT")
			b := open(t, middle(t, server.URL, func(r *http.Request) bool { return tt.lose && lose(r) }), func(c *Config) { c.Capabilities = &heedful })
			_, err := b.Put(t.Context(), "lock", strings.NewReader(tt.ours), int64(len(tt.ours)), tt.m, backends.Cond{Absent: true})
			if !errors.Is(err, iofs.ErrExist) {
				t.Errorf("got %v, want %v", err, iofs.ErrExist)
			}
		})
	}
}

// TestLateErrors are answers that begin as a success and end as none.
func TestLateErrors(t *testing.T) {
	t.Parallel()
	const late = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>EntityTooSmall</Code><Message>late</Message></Error>`
	server := testserver.Versitygw(t, bucket)
	server.MustPut(t, bucket, "src", "source")
	good := open(t, server.URL, nil)
	u, err := good.Upload(t.Context(), "big", "", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	part, err := u.Part(t.Context(), 1, strings.NewReader("part"), 4)
	if err != nil {
		t.Fatal(err)
	}
	b := strange(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(late)) })
	b.caps.known.Store(&heedful)
	again, err := b.Upload(t.Context(), "big", u.ID(), backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for what, do := range map[string]func() error{
		"copy": func() error {
			_, err := b.Copy(t.Context(), "dst", "src", backends.CopyOptions{Source: "v", Size: 6})
			return err
		},
		"commit": func() error {
			_, err := again.Commit(t.Context(), []backends.Part{part}, backends.Cond{})
			return err
		},
		"copy of a part": func() error {
			_, err := again.CopyPart(t.Context(), 2, "src", "v", 0, 3)
			return err
		},
	} {
		all.Go(func() {
			err := do()
			if err == nil {
				t.Errorf("a %s that failed late is a success", what)
			}
			checkError(t, err)
		})
	}
	all.Wait()
}
