package azblob

import (
	"strings"
	"testing"

	"sd/backends"
	"sd/backends/backendtest"
)

const pageSize = 5

// TestSuite certifies the backend on Azurite, whose conditions, signatures and checksums
// are those of the service.
func TestSuite(t *testing.T) {
	t.Parallel()
	endpoint := middle(t, nil)
	backendtest.Run(t, func(t *testing.T) backends.Backend {
		return open(t, func(c *Config) { c.PageSize, c.Container, c.Endpoint = pageSize, fresh(t), endpoint })
	}, backendtest.Options{PageSize: pageSize, CanHold: holds, FileAndDir: true, WholePart: 100_000})
}

// holds tells whether Azurite holds a file of that name. It does not list control
// characters, which the service writes in a way of its own.
func holds(name string) bool {
	control := strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
	return makeable(name) == nil && !control && !strings.Contains(name, "//")
}
