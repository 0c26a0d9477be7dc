package services

import (
	"strings"
	"syscall"
	"testing"

	"sd/backends"
	"sd/backends/azblob"
	"sd/internal/testserver"
	"sd/sdpath"
)

// azblobCannot: a control character is Azurite's failure, whose listings are not XML then.
var azblobCannot = map[string]syscall.Errno{
	"name: backslash":         syscall.EINVAL,
	"name: trailing dot":      syscall.EINVAL,
	"name: not UTF-8":         syscall.EINVAL,
	"name: control character": syscall.EIO,
}

func startAzBlob(t testing.TB) *Running {
	t.Helper()
	server := testserver.NewAzurite(t, "container")
	faults := newProxied(t, strings.TrimSuffix(server.Endpoint, "/"+testserver.AzureAccount))
	at := func(endpoint string) Volume {
		return Volume{
			Service: sdpath.AzBlob, Identifier: "container",
			Config: map[string]string{"endpoint": endpoint, "account": testserver.AzureAccount, "auth": azblob.AuthKey},
			Secret: map[string]string{"account_key": testserver.AzureKey},
		}
	}
	return &Running{Volume: at(faults.URL() + "/" + testserver.AzureAccount), Direct: at(server.Endpoint), Faults: faults}
}

func openAzBlob(v Volume, l Limits) (backends.Backend, error) {
	c := azblob.Config{
		Account: v.Config["account"], Container: v.Identifier, Endpoint: v.Config["endpoint"], Auth: v.Config["auth"],
		Patience: l.Patience, Stall: l.Stall, ProbeEvery: l.ProbeEvery, PageSize: l.PageSize,
	}
	switch c.Auth {
	case azblob.AuthKey:
		c.Secret = func() (string, error) { return v.Secret["account_key"], nil }
	case azblob.AuthSAS:
		c.Secret = func() (string, error) { return v.Secret["sas"], nil }
	}
	return azblob.New(c)
}
