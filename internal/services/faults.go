package services

import (
	"net/http"
	"testing"

	"sd/internal/netproxy"
)

// proxied are the Faults of a service of plain HTTP.
type proxied struct {
	*netproxy.Faults
	status int // that says that the service is overloaded
}

// newProxied puts Faults in front of a server for the length of a test.
func newProxied(t testing.TB, target string) proxied {
	t.Helper()
	p, err := netproxy.NewFaults(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return proxied{p, http.StatusServiceUnavailable}
}

func (p proxied) Count() int { return p.Faults.Count("") }

func (p proxied) Pass() error {
	p.Script()
	return p.Serve()
}

func (p proxied) Cut(n int64) {
	p.Script(netproxy.Rule{Method: http.MethodGet, Fault: netproxy.Fault{Kind: netproxy.CutBody, After: n}})
}

func (p proxied) Busy() bool {
	p.Script(netproxy.Rule{Fault: netproxy.Fault{Kind: netproxy.Status, Status: p.status}})
	return true
}
