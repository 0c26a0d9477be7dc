package gcs

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// middle stands between a backend and a server. It passes on what change made of a
// request; the server's answer is lost where change says so.
func middle(t testing.TB, server string, change func(*http.Request) (lose bool)) string {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	quiet := log.New(io.Discard, "", 0)
	forward := &httputil.ReverseProxy{ErrorLog: quiet, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !change(r) {
			forward.ServeHTTP(w, r)
			return
		}
		forward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// op names a request as its counters do.
func op(r *http.Request) string {
	path := r.URL.EscapedPath()
	switch {
	case strings.HasPrefix(path, "/upload/"):
		return "PUT"
	case strings.HasSuffix(path, "/compose"):
		return "COMPOSE"
	case strings.Contains(path, "/rewriteTo/"):
		return "COPY"
	case strings.HasSuffix(path, "/o"):
		return "LIST"
	case r.Method == http.MethodGet && r.URL.Query().Get("alt") != "media":
		return "HEAD"
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

// strange answers in ways that the service does not.
func strange(t *testing.T, answer http.HandlerFunc) *Backend {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return open(t, s.URL, nil)
}
