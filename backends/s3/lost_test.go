package s3

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/internal/testserver"
)

func TestLostAnswers(t *testing.T)         { lossy(t).Answers(t, nil) }
func TestOthersWorkIsNotOurs(t *testing.T) { lossy(t).OthersWork(t) }

// lossy is a store of its own that loses answers.
func lossy(t *testing.T) backendtest.Lossy {
	t.Helper()
	t.Parallel()
	server := testserver.Versitygw(t, bucket)
	return backendtest.Lossy{Commit: "COMPLETE", First: first, Open: func(t *testing.T, lose func(*http.Request) bool) backends.Backend {
		return open(t, middle(t, server.URL, lose), func(c *Config) { c.Capabilities = &heedful })
	}}
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
