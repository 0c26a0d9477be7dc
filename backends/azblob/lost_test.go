package azblob

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/backendtest"
)

// TestLostAnswers loses the first answer to each kind of write.
func TestLostAnswers(t *testing.T) {
	upload := func(t *testing.T, b backends.Backend, name string, c backends.Cond) (backends.Entry, error) {
		u, err := b.(*Backend).Upload(t.Context(), name, "", backends.Meta{})
		if err != nil {
			return backends.Entry{}, err
		}
		part, err := u.Part(t.Context(), 1, strings.NewReader("part"), 4)
		if err != nil {
			return backends.Entry{}, err
		}
		return u.Commit(t.Context(), []backends.Part{part}, c)
	}
	absent := backends.Cond{Absent: true}
	lossy(t).Answers(t, []backendtest.LostAnswer{
		{Name: "metadata", Lose: "META", At: "old", Want: "old",
			Do: func(t *testing.T, b backends.Backend, old backends.Entry) (backends.Entry, error) {
				return setMeta(t, b.(*Backend), "old", old.Version, backends.Meta{ModTime: time.Unix(1_700_000_000, 5_000_000)})
			}},
		{Name: "copy of a version", Lose: "COPY", At: "of a version", Want: "old",
			Do: func(t *testing.T, b backends.Backend, old backends.Entry) (backends.Entry, error) {
				o := backends.CopyOptions{Source: old.Version, Size: old.Size, Cond: absent}
				return b.(*Backend).Copy(t.Context(), "of a version", "old", o)
			}},
		{Name: "copy of what was made in blocks", Lose: "COPY", At: "of blocks", Want: "part",
			Do: func(t *testing.T, b backends.Backend, _ backends.Entry) (backends.Entry, error) {
				e, err := upload(t, b, "blocks", backends.Cond{})
				if err != nil {
					return e, err
				}
				return b.(*Backend).Copy(t.Context(), "of blocks", "blocks", backends.CopyOptions{Source: e.Version, Size: e.Size, Cond: absent})
			}},
		{Name: "commit without a condition", Lose: "COMPLETE", At: "anyway", Want: "part",
			Do: func(t *testing.T, b backends.Backend, _ backends.Entry) (backends.Entry, error) {
				return upload(t, b, "anyway", backends.Cond{})
			}},
		{Name: "part", Lose: "PART", At: "in parts", Want: "part",
			Do: func(t *testing.T, b backends.Backend, _ backends.Entry) (backends.Entry, error) {
				return upload(t, b, "in parts", absent)
			}},
	})
}

func TestOthersWorkIsNotOurs(t *testing.T) { lossy(t).OthersWork(t) }

// lossy is a store of its own that loses answers.
func lossy(t *testing.T) backendtest.Lossy {
	t.Helper()
	t.Parallel()
	name := fresh(t)
	return backendtest.Lossy{Commit: "COMPLETE", First: first, Open: func(t *testing.T, lose func(*http.Request) bool) backends.Backend {
		return open(t, func(c *Config) { c.Endpoint, c.Container = middle(t, lose), name })
	}}
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
