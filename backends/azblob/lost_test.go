package azblob

import (
	"errors"
	iofs "io/fs"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/backends"
)

// TestLostAnswers has the server do what it is asked for and loses its first answer.
// The second request is refused by its own condition, and that is no failure.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	when := time.Unix(1_700_000_000, 5_000_000)
	put := func(b *Backend, name, content string, m backends.Meta, c backends.Cond) (backends.Entry, error) {
		return b.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), m, c)
	}
	upload := func(b *Backend, c backends.Cond) (backends.Entry, error) {
		u, err := b.Upload(t.Context(), "big", "", backends.Meta{})
		if err != nil {
			return backends.Entry{}, err
		}
		part, err := u.Part(t.Context(), 1, strings.NewReader("part"), 4)
		if err != nil {
			return backends.Entry{}, err
		}
		return u.Commit(t.Context(), []backends.Part{part}, c)
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
		{"put over a version", "PUT", func(b *Backend, old backends.Entry) (backends.Entry, error) {
			return put(b, "old", "newer", backends.Meta{ModTime: when}, backends.Cond{Version: old.Version})
		}, "old", "newer"},
		{"metadata", "META", func(b *Backend, old backends.Entry) (backends.Entry, error) {
			return setMeta(t, b, "old", old.Version, backends.Meta{ModTime: when})
		}, "old", "old"},
		{"copy", "COPY", func(b *Backend, _ backends.Entry) (backends.Entry, error) {
			return b.Copy(t.Context(), "copy", "src", backends.CopyOptions{Cond: backends.Cond{Absent: true}})
		}, "copy", "source"},
		{"copy of a version", "COPY", func(b *Backend, old backends.Entry) (backends.Entry, error) {
			return b.Copy(t.Context(), "copy", "old", backends.CopyOptions{Source: old.Version, Size: old.Size, Cond: backends.Cond{Absent: true}})
		}, "copy", "old"},
		{"copy of what was made in blocks", "COPY", func(b *Backend, _ backends.Entry) (backends.Entry, error) {
			e, err := upload(b, backends.Cond{})
			if err != nil {
				return e, err
			}
			return b.Copy(t.Context(), "copy", "big", backends.CopyOptions{Source: e.Version, Size: e.Size, Cond: backends.Cond{Absent: true}})
		}, "copy", "part"},
		{"commit", "COMPLETE", func(b *Backend, _ backends.Entry) (backends.Entry, error) {
			return upload(b, backends.Cond{Absent: true})
		}, "big", "part"},
		{"commit without a condition", "COMPLETE", func(b *Backend, _ backends.Entry) (backends.Entry, error) {
			return upload(b, backends.Cond{})
		}, "big", "part"},
		{"part", "PART", func(b *Backend, _ backends.Entry) (backends.Entry, error) {
			return upload(b, backends.Cond{Absent: true})
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
			t.Parallel()
			l := newLab(t, nil)
			l.seed(t, "old", "old", "src", "source")
			lost := 0
			lose := first(tt.lose)
			endpoint := middle(t, func(r *http.Request) bool {
				gone := lose(r)
				if gone {
					lost++
				}
				return gone
			})
			b := open(t, func(c *Config) { c.Endpoint, c.Container = endpoint, l.cfg.Container })
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
			t.Parallel()
			l := newLab(t, nil)
			m := tt.m
			if !m.ModTime.IsZero() && m.ModTime.Nanosecond() != 0 {
				m.ModTime = m.ModTime.Add(time.Hour)
			}
			if _, err := l.put(t, "lock", tt.theirs, m, backends.Cond{}); err != nil {
				t.Fatal(err)
			}
			lose := first("PUT")
			endpoint := middle(t, func(r *http.Request) bool { return tt.lose && lose(r) })
			b := open(t, func(c *Config) { c.Endpoint, c.Container = endpoint, l.cfg.Container })
			_, err := b.Put(t.Context(), "lock", strings.NewReader(tt.ours), int64(len(tt.ours)), tt.m, backends.Cond{Absent: true})
			if !errors.Is(err, iofs.ErrExist) {
				t.Errorf("got %v, want %v", err, iofs.ErrExist)
			}
		})
	}
}

// TestLateErrors are answers that say yes where the service says something else, or begin
// as a success and end as none.
func TestLateErrors(t *testing.T) {
	t.Parallel()
	const late = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>ServerBusy</Code><Message>late</Message></Error>`
	b := strange(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(late)) })
	var all sync.WaitGroup
	for what, do := range map[string]func() error{
		"put": func() error {
			_, err := b.Put(t.Context(), "dst", strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{})
			return err
		},
		"copy": func() error {
			_, err := b.Copy(t.Context(), "dst", "src", backends.CopyOptions{Source: "v", Size: 6})
			return err
		},
		"remove": func() error { return b.Remove(t.Context(), "src", backends.Cond{Version: "v"}) },
		"commit": func() error {
			u, err := b.Upload(t.Context(), "big", "", backends.Meta{})
			if err == nil {
				_, err = u.Commit(t.Context(), []backends.Part{{Num: 1, Size: 1, Tag: "x"}}, backends.Cond{})
			}
			return err
		},
		"part": func() error {
			u, err := b.Upload(t.Context(), "big", "", backends.Meta{})
			if err == nil {
				_, err = u.Part(t.Context(), 1, strings.NewReader("x"), 1)
			}
			return err
		},
		"list": func() error {
			return b.List(t.Context(), "", func([]backends.Entry) error { return nil })
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
