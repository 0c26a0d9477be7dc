package gcs

import (
	"strings"
	"testing"
	"unicode/utf8"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/internal/testserver"
)

const page = 5

// TestSuite certifies the backend.
func TestSuite(t *testing.T) {
	t.Parallel()
	server := testserver.FakeGCS(t)
	backendtest.Run(t, func(t *testing.T) backends.Backend {
		return open(t, server.URL, func(c *Config) { c.PageSize, c.Bucket = page, fresh(t, server) })
	}, backendtest.Options{PageSize: page, CanHold: canHold, FileAndDir: true, EmptyNames: true, WholePart: 100_000})
}

// TestPeers certifies copies between the buckets of one server.
func TestPeers(t *testing.T) {
	t.Parallel()
	server := testserver.FakeGCS(t)
	backendtest.RunPeers(t, func(t *testing.T) (to, from, strange backends.Backend) {
		bucket := func(endpoint string) backends.Backend {
			return open(t, endpoint, func(c *Config) { c.Bucket = fresh(t, server) })
		}
		return bucket(server.URL), bucket(server.URL), bucket(strings.Replace(server.URL, "127.0.0.1", "localhost", 1))
	}, backendtest.Options{CanHold: canHold, FewNames: true})
}

// canHold is the service's rule for names.
func canHold(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsAny(name, "\r\n") && len(name) < 1000
}
