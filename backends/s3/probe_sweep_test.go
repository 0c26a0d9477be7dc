package s3

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/testserver"
)

// TestProbeSweeps finds what probes of killed processes left, and lets all else be, above
// all what a probe elsewhere may be working with. How old it is the server says.
func TestProbeSweeps(t *testing.T) {
	t.Parallel()
	server := testserver.Gofakes3(t, bucket)
	litter := probeName + strings.Repeat("a2", 13)
	others := []string{"file", probeName + "notes", "in/" + litter, litter + "a", probeName + strings.Repeat("A2", 13), probeName + strings.Repeat("b2", 13)}
	server.MustPut(t, bucket, litter, "x")
	for _, key := range others {
		server.MustPut(t, bucket, key, "of somebody")
	}
	slices.Sort(others)
	plain := open(t, server.URL, nil)
	for _, name := range []string{litter, "file"} {
		if _, err := plain.Upload(t.Context(), name, "", backends.Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	probe := func(ahead time.Duration) (keys, uploads []string) {
		t.Helper()
		b := open(t, aheadOf(t, server.URL, ahead), func(c *Config) {
			c.Anonymous, c.AccessKeyID, c.Secret = true, "", nil // a signature has a time in it
		})
		if _, err := b.Capabilities(t.Context()); err != nil {
			t.Fatal(err)
		}
		uploads, err := server.Uploads(t.Context(), bucket)
		if err != nil {
			t.Fatal(err)
		}
		return server.Keys(t, bucket, ""), uploads
	}
	for _, ahead := range []time.Duration{0, 50 * time.Minute} {
		if keys, uploads := probe(ahead); len(keys) != len(others)+1 || len(uploads) != 2 {
			t.Errorf("after %v: got %q and uploads of %q, want all of them", ahead, keys, uploads)
		}
	}
	if keys, uploads := probe(2 * time.Hour); !slices.Equal(keys, others) || !slices.Equal(uploads, []string{"file"}) {
		t.Errorf("got %q and uploads of %q, want %q and one", keys, uploads, others)
	}
}

// aheadOf passes requests on to a server, whose answers come from a later time.
func aheadOf(t *testing.T, server string, ahead time.Duration) string {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			return nil
		},
	})
	t.Cleanup(s.Close)
	return s.URL
}
