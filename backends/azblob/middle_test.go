package azblob

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"sd/internal/testserver"
)

// middle stands between a backend and Azurite, and returns the endpoint. It passes on what
// change made of a request; the answer is lost where change says so. What Azurite does not
// know it does itself: blocks that are copied from a URL.
func middle(t testing.TB, change func(*http.Request) (lose bool)) string {
	t.Helper()
	target, err := url.Parse(strings.TrimSuffix(azurite.Endpoint, "/"+testserver.AzureAccount))
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lose := change != nil && change(r)
		out := w
		if lose {
			out = httptest.NewRecorder()
		}
		if op(r) == "PARTCOPY" {
			copyBlock(t, out, r)
		} else {
			forward.ServeHTTP(out, r)
		}
		if lose {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/" + testserver.AzureAccount
}

// copyBlock is Put Block From URL: it reads the source with the rights that its URL gives.
func copyBlock(t testing.TB, w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code string) {
		w.Header().Set("x-ms-error-code", code)
		w.WriteHeader(status)
	}
	ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, r.Header.Get("x-ms-copy-source"), nil)
	if err != nil {
		refuse(400, "InvalidHeaderValue")
		return
	}
	ask.Header.Set("x-ms-range", r.Header.Get("x-ms-source-range"))
	ask.Header.Set("x-ms-version", "2021-12-02")
	if tag := r.Header.Get("x-ms-source-if-match"); tag != "" {
		ask.Header.Set("If-Match", tag)
	}
	reply, err := http.DefaultClient.Do(ask)
	if err != nil {
		refuse(500, "InternalError")
		return
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	switch {
	case err != nil:
		refuse(500, "InternalError")
	case reply.StatusCode == http.StatusPreconditionFailed:
		refuse(412, "SourceConditionNotMet")
	case reply.StatusCode > 299:
		refuse(reply.StatusCode, "CannotVerifyCopySource")
	default:
		_, container, name := split(r)
		_, err := azurite.MustContainer(t, container).NewBlockBlobClient(name).StageBlock(
			r.Context(), r.URL.Query().Get("blockid"), nopCloser{bytes.NewReader(text)}, nil)
		if err != nil {
			t.Errorf("stage a copied block: %v", err)
		}
		w.WriteHeader(http.StatusCreated)
	}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// split returns what the path of a request names.
func split(r *http.Request) (account, container, name string) {
	account, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	container, name, _ = strings.Cut(rest, "/")
	return account, container, name
}

// op names a request as its counters do.
func op(r *http.Request) string {
	comp, copied := r.URL.Query().Get("comp"), r.Header.Get("x-ms-copy-source") != ""
	switch {
	case comp == "list":
		return "LIST"
	case comp == "properties":
		return "ACCOUNT"
	case comp == "block" && copied:
		return "PARTCOPY"
	case comp == "block":
		return "PART"
	case comp == "blocklist" && r.Method == http.MethodPut:
		return "COMPLETE"
	case comp == "blocklist":
		return "BLOCKS"
	case comp == "metadata":
		return "META"
	case copied:
		return "COPY"
	}
	return r.Method
}

// first tells true the first time that it is asked about each of ops.
func first(ops ...string) func(*http.Request) bool {
	var mu sync.Mutex
	left := map[string]bool{}
	for _, o := range ops {
		left[o] = true
	}
	return func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		defer delete(left, op(r))
		return left[op(r)]
	}
}
