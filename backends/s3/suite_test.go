package s3

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/internal/testserver"
)

const page = 5

// TestSuite certifies the backend on two servers: one that checks signatures,
// conditions and checksums, and one that keeps every key.
func TestSuite(t *testing.T) {
	t.Parallel()
	t.Run("versitygw", func(t *testing.T) {
		t.Parallel()
		server := testserver.Versitygw(t)
		backendtest.Run(t, func(t *testing.T) backends.Backend {
			return open(t, server.URL, func(c *Config) { c.PageSize, c.Bucket = page, fresh(t, server) })
		}, backendtest.Options{PageSize: page, CanHold: asFile})
	})
	t.Run("gofakes3", func(t *testing.T) {
		t.Parallel()
		server := testserver.Gofakes3(t)
		backendtest.Run(t, func(t *testing.T) backends.Backend {
			return open(t, server.URL, func(c *Config) { c.PageSize, c.Bucket = page, fresh(t, server) })
		}, backendtest.Options{PageSize: page, CanHold: listable, FileAndDir: true, EmptyNames: true, WeakCond: true, WeakMeta: true, WholePart: 100_000})
	})
}

// TestVersions certifies the bringing back of what was removed from a bucket that keeps
// versions.
func TestVersions(t *testing.T) {
	t.Parallel()
	server := testserver.Versions(t)
	backendtest.RunVersions(t, func(t *testing.T) backends.Backend {
		name := fresh(t, server)
		if err := server.KeepVersions(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		return open(t, server.URL, func(c *Config) { c.Bucket = name })
	}, backendtest.Options{CanHold: asFile})
}

// TestNoVersions is about buckets, and servers, that keep none.
func TestNoVersions(t *testing.T) {
	t.Parallel()
	for _, start := range []func(testing.TB, ...string) *testserver.Server{testserver.Versitygw, testserver.Gofakes3} {
		l := newLab(t, start, nil)
		for range 2 {
			if keeps, err := l.KeepsVersions(t.Context()); keeps || err != nil {
				t.Errorf("KeepsVersions = %v, %v, want false", keeps, err)
			}
		}
		if n := l.Stats().Requests["VERSIONING"]; n != 1 {
			t.Errorf("asked %d times, want 1", n)
		}
	}
}

// TestPeers certifies copies between the buckets of one server, as a whole and in parts.
func TestPeers(t *testing.T) {
	t.Parallel()
	for name, most := range map[string]int64{"whole": 0, "parts": 5} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testserver.Versitygw(t)
			backendtest.RunPeers(t, func(t *testing.T) (to, from, strange backends.Backend) {
				bucket := func(endpoint string) backends.Backend {
					return open(t, endpoint, func(c *Config) { c.Bucket, c.MaxCopy = fresh(t, server), most })
				}
				return bucket(server.URL), bucket(server.URL), bucket(strings.Replace(server.URL, "127.0.0.1", "localhost", 1))
			}, backendtest.Options{CanHold: asFile, FewNames: most > 0})
		})
	}
}

// asFile tells whether a server that keeps objects in files can hold a key.
func asFile(name string) bool {
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment == "." || segment == ".." || len(segment) > 240 {
			return false
		}
	}
	return listable(name)
}

// listable tells whether a server that ignores encoding-type=url, as these do, can list
// a key: XML 1.0 has no way to write the others.
func listable(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r'
	})
}

// fresh makes an empty bucket of the server.
func fresh(t *testing.T, server *testserver.Server) string {
	t.Helper()
	name := "b" + strings.ReplaceAll(time.Now().Format("150405.000000000"), ".", "")
	if err := server.MakeBucket(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return name
}
