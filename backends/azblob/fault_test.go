package azblob

import (
	iofs "io/fs"
	"testing"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/internal/netproxy"
)

// TestFaults breaks replies in every way; here is what the service refuses in its own words.
func TestFaults(t *testing.T) {
	faulty(t).Replies(t, []backendtest.Answer{
		{Name: "403", Ask: "get", Status: 403, Code: "AuthorizationFailure", Want: iofs.ErrPermission, Text: "403 AuthorizationFailure"},
		{Name: "403", Ask: "stat", Status: 403, Code: "AuthorizationPermissionMismatch", Want: iofs.ErrPermission, Text: "ask the container's owner"},
		{Name: "403", Ask: "list", Status: 403, Code: "AuthenticationFailed", Want: iofs.ErrPermission, Text: "sd volume login"},
		{Name: "401", Ask: "get", Status: 401, Want: iofs.ErrPermission},
		{Name: "leased", Ask: "get", Status: 412, Code: "LeaseIdMissing", Want: iofs.ErrPermission, Text: "lease"},
		{Name: "archived", Ask: "get", Status: 409, Code: "BlobArchived", Want: iofs.ErrPermission, Text: "archived"},
		{Name: "404", Ask: "get", Status: 404, Code: "BlobNotFound", Want: iofs.ErrNotExist},
		{Name: "404", Ask: "stat", Status: 404, Code: "ContainerNotFound", Want: iofs.ErrNotExist, Text: "no container"},
		{Name: "no container", Ask: "list", Status: 404, Code: "ContainerNotFound", Want: iofs.ErrNotExist, Text: "no container"},
		{Name: "412", Ask: "get", Status: 412, Code: "ConditionNotMet", Want: backends.ErrChanged, Text: "ConditionNotMet"},
		{Name: "three 500", Ask: "get", Times: 3, Status: 500},
		{Name: "three 503", Ask: "get", Times: 3, Status: 503, Code: "ServerBusy"},
		{Name: "three 429", Ask: "list", Times: 3, Status: 429},
		{Name: "500", Ask: "get", Status: 500, Want: backendtest.ErrOther, Text: "500 InternalError"},
		{Name: "503", Ask: "get", Status: 503, Code: "ServerBusy", Want: backends.ErrOffline},
		{Name: "503", Ask: "list", Status: 503, Code: "ServerBusy", Want: backends.ErrOffline},
	})
}

func TestStats(t *testing.T)               { faulty(t).Stats(t) }
func TestOutage(t *testing.T)              { faulty(t).Outage(t) }
func TestOfflineFromTheStart(t *testing.T) { faulty(t).NeverThere(t) }
func TestDrip(t *testing.T)                { faulty(t).Drip(t) }
func TestCancel(t *testing.T)              { faulty(t).Cancel(t) }
func TestChangeInMidRead(t *testing.T)     { faulty(t).ChangeInMidRead(t) }

// faulty is a store of its own that the suite lets fail, beside other tests.
func faulty(t *testing.T) backendtest.Lab {
	t.Helper()
	t.Parallel()
	name := fresh(t)
	return backendtest.Lab{
		Server: azurite.Endpoint,
		Open: func(t *testing.T, url string, p backendtest.Pace) backends.Backend {
			return open(t, func(c *Config) {
				c.Container, c.Endpoint = name, url
				c.Patience, c.Stall, c.ProbeEvery = p.Patience, p.Stall, p.Probe
			})
		},
		Proxy:   func(t *testing.T) backendtest.Proxy { return proxy{faultsAt(t)} },
		Secrets: untold,
	}
}

// proxy breaks replies as the suite asks.
type proxy struct{ *netproxy.Faults }

func (p proxy) Break(faults ...backendtest.Fault) {
	kinds := [...]netproxy.Kind{
		backendtest.Refusal: netproxy.Status, backendtest.StallHead: netproxy.StallHead, backendtest.StallBody: netproxy.StallBody,
		backendtest.CutBody: netproxy.CutBody, backendtest.WrongLength: netproxy.WrongLength, backendtest.Reset: netproxy.Reset,
	}
	var rules []netproxy.Rule
	for _, f := range faults {
		fault := netproxy.Fault{Kind: kinds[f.Kind], After: f.After, Status: f.Status, Code: f.Code}
		rules = append(rules, netproxy.Rule{Method: f.Method, Times: f.Times, Fault: fault})
	}
	p.Script(rules...)
}
