package mem_test

import (
	"testing"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/backends/mem"
)

func TestStore(t *testing.T) {
	backendtest.Run(t, func(*testing.T) backends.Backend {
		return mem.New(mem.Config{PageSize: 3})
	}, backendtest.Options{PageSize: 3})
}
