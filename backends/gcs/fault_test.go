package gcs

import (
	iofs "io/fs"
	"testing"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// TestFaults breaks replies in every way; here is what the service refuses in its own words.
func TestFaults(t *testing.T) {
	faulty(t).Replies(t, []backendtest.Answer{
		{Name: "403", Ask: "get", Status: 403, Code: "forbidden", Want: iofs.ErrPermission, Text: "403 forbidden"},
		{Name: "403", Ask: "stat", Status: 403, Code: "forbidden", Want: iofs.ErrPermission, Text: "ask the bucket's owner"},
		{Name: "403", Ask: "list", Status: 403, Code: "insufficientPermissions", Want: iofs.ErrPermission, Text: "request FAULT0000000001"},
		{Name: "401", Ask: "get", Status: 401, Code: "authError", Want: iofs.ErrPermission, Text: "log in again"},
		{Name: "401", Ask: "stat", Status: 401, Code: "required", Want: iofs.ErrPermission, Text: "log in again"},
		{Name: "billing", Ask: "list", Status: 403, Code: "accountDisabled", Want: iofs.ErrPermission, Text: "billing"},
		{Name: "readers pay", Ask: "get", Status: 400, Code: "userProjectMissing", Want: iofs.ErrPermission, Text: "readers pay"},
		{Name: "404", Ask: "get", Status: 404, Code: "notFound", Want: iofs.ErrNotExist},
		{Name: "404", Ask: "stat", Status: 404, Code: "notFound", Want: iofs.ErrNotExist},
		{Name: "412", Ask: "get", Status: 412, Code: "conditionNotMet", Want: backends.ErrChanged, Text: "conditionNotMet"},
		{Name: "three 500", Ask: "get", Times: 3, Status: 500, Code: "backendError"},
		{Name: "three 503", Ask: "get", Times: 3, Status: 503},
		{Name: "three 429", Ask: "list", Times: 3, Status: 429, Code: "rateLimitExceeded"},
		{Name: "a 408", Ask: "get", Times: 1, Status: 408},
		{Name: "three of a rate", Ask: "get", Times: 3, Status: 403, Code: "userRateLimitExceeded"},
		{Name: "a rate", Ask: "get", Status: 403, Code: "rateLimitExceeded", Want: backends.ErrOffline, Text: "too many requests"},
		{Name: "quota", Ask: "get", Status: 403, Code: "quotaExceeded", Want: backends.ErrQuota},
		{Name: "500", Ask: "get", Status: 500, Code: "backendError", Want: backendtest.ErrOther, Text: "500 backendError"},
		{Name: "503", Ask: "get", Status: 503, Want: backends.ErrOffline},
		{Name: "503", Ask: "list", Status: 503, Code: "backendError", Want: backends.ErrOffline},
		{Name: "400", Ask: "get", Status: 400, Code: "invalid", Want: backendtest.ErrOther, Text: "refused the request"},
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
	server := testserver.FakeGCS(t, bucket)
	return backendtest.Lab{
		Server: server.URL,
		Open: func(t *testing.T, url string, p backendtest.Pace) backends.Backend {
			return open(t, url, func(c *Config) { c.Patience, c.Stall, c.ProbeEvery = p.Patience, p.Stall, p.Probe })
		},
		Proxy:   func(t *testing.T) backendtest.Proxy { return proxy{faultsAt(t, server.URL)} },
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
