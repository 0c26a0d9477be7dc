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
		}, backendtest.Options{
			PageSize: page,
			CanHold: func(name string) bool { // it keeps objects in files
				for segment := range strings.SplitSeq(name, "/") {
					if segment == "" || segment == "." || segment == ".." || len(segment) > 240 {
						return false
					}
				}
				return listable(name)
			},
		})
	})
	t.Run("gofakes3", func(t *testing.T) {
		t.Parallel()
		server := testserver.Gofakes3(t)
		backendtest.Run(t, func(t *testing.T) backends.Backend {
			return open(t, server.URL, func(c *Config) { c.PageSize, c.Bucket = page, fresh(t, server) })
		}, backendtest.Options{PageSize: page, CanHold: listable, FileAndDir: true, EmptyNames: true, WeakCond: true, WeakMeta: true, WholePart: 100_000})
	})
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
