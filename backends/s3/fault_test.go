package s3

import (
	iofs "io/fs"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// TestFaults breaks replies in every way; here is what the service refuses in its own words.
func TestFaults(t *testing.T) {
	faulty(t).Replies(t, []backendtest.Answer{
		{Name: "403", Ask: "get", Status: 403, Want: iofs.ErrPermission, Text: "403 AccessDenied"},
		{Name: "403", Ask: "stat", Status: 403, Want: iofs.ErrPermission, Text: "ask the bucket's owner"},
		{Name: "403", Ask: "list", Status: 403, Want: iofs.ErrPermission, Text: "request FAULT0000000001"},
		{Name: "401", Ask: "get", Status: 401, Want: iofs.ErrPermission},
		{Name: "wrong key", Ask: "get", Status: 403, Code: "InvalidAccessKeyId", Want: iofs.ErrPermission, Text: "access key"},
		{Name: "wrong secret", Ask: "list", Status: 403, Code: "SignatureDoesNotMatch", Want: iofs.ErrPermission, Text: "secret is wrong"},
		{Name: "expired", Ask: "get", Status: 400, Code: "ExpiredToken", Want: iofs.ErrPermission, Text: "log in again"},
		{Name: "expired", Ask: "stat", Status: 400, Code: "ExpiredToken", Want: iofs.ErrPermission, Text: "log in again"},
		{Name: "clock", Ask: "list", Status: 403, Code: "RequestTimeTooSkewed", Want: iofs.ErrPermission, Text: "clock"},
		{Name: "404", Ask: "get", Status: 404, Want: iofs.ErrNotExist},
		{Name: "404", Ask: "stat", Status: 404, Code: "NoSuchBucket", Want: iofs.ErrNotExist, Text: `no bucket "photos"`},
		{Name: "no bucket", Ask: "list", Status: 404, Code: "NoSuchBucket", Want: iofs.ErrNotExist, Text: `no bucket "photos"`},
		{Name: "412", Ask: "get", Status: 412, Want: backends.ErrChanged, Text: "PreconditionFailed"},
		{Name: "one 409", Ask: "get", Times: 1, Status: 409},
		{Name: "three 500", Ask: "get", Times: 3, Status: 500},
		{Name: "three 503", Ask: "get", Times: 3, Status: 503},
		{Name: "three 429", Ask: "list", Times: 3, Status: 429},
		{Name: "500", Ask: "get", Status: 500, Want: backendtest.ErrOther, Text: "500 InternalError"},
		{Name: "503", Ask: "get", Status: 503, Want: backends.ErrOffline},
		{Name: "503", Ask: "list", Status: 503, Code: "ServiceUnavailable", Want: backends.ErrOffline},
		{Name: "507", Ask: "get", Status: 507, Want: backends.ErrNoSpace},
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
	server := testserver.Versitygw(t, bucket)
	return backendtest.Lab{
		Server: server.URL,
		Open: func(t *testing.T, url string, p backendtest.Pace) backends.Backend {
			return open(t, url, func(c *Config) { c.Patience, c.Stall, c.ProbeEvery = p.Patience, p.Stall, p.Probe })
		},
		Proxy:    func(t *testing.T) backendtest.Proxy { return proxy{faultsAt(t, server.URL)} },
		Patience: 5 * time.Second,
		Secrets:  untold,
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
