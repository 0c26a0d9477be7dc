package services

import (
	"net/http"
	"testing"

	"sd/internal/clouds/front"
	"sd/internal/netproxy"
)

// wired are the Faults of a service of which only connections are seen.
type wired struct{ *netproxy.Wire }

// newWire puts a Wire in front of a server for the length of a test.
func newWire(t testing.TB, target string) wired {
	t.Helper()
	w, err := netproxy.NewWire(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return wired{w}
}

func (wired) Busy() bool { return false }

// clouded are the Faults of a service that is played by a fake behind a proxy.
type clouded struct {
	wired
	front *front.Front
	busy  http.Handler
}

func (c clouded) Count() int { return len(c.front.Requests()) }
func (c clouded) Forget()    { c.front.Forget() }

func (c clouded) Pass() error {
	c.front.Heal()
	return c.wired.Pass()
}

func (c clouded) Cut(n int64) { c.front.TornBody("", int(n), 1<<30) }

func (c clouded) Busy() bool {
	c.front.Fault(func(*http.Request) http.Handler { return c.busy })
	return true
}
