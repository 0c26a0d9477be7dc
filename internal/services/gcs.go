package services

import (
	"syscall"
	"testing"

	"sd/backends"
	"sd/backends/gcs"
	"sd/internal/testserver"
	"sd/sdpath"
)

var gcsCannot = map[string]syscall.Errno{
	"name: newline":   syscall.EILSEQ,
	"name: not UTF-8": syscall.EILSEQ,
}

func startGCS(t testing.TB) *Running {
	t.Helper()
	server := testserver.FakeGCS(t, "bucket")
	faults := newProxied(t, server.URL)
	at := func(endpoint string) Volume {
		return Volume{
			Service: sdpath.GCS, Identifier: "bucket",
			Config: map[string]string{"endpoint": endpoint, "anonymous": "true"},
		}
	}
	return &Running{Volume: at(faults.URL()), Direct: at(server.URL), Faults: faults}
}

func openGCS(v Volume, l Limits) (backends.Backend, error) {
	if v.Config["access_key_id"] != "" {
		return openS3(v, l)
	}
	c := gcs.Config{
		Bucket: v.Identifier, Endpoint: v.Config["endpoint"], Anonymous: v.Config["anonymous"] == "true",
		CredentialsFile: v.Config["credentials_file"],
		Patience:        l.Patience, Stall: l.Stall, ProbeEvery: l.ProbeEvery, PageSize: l.PageSize,
	}
	if text := v.Secret["credentials"]; text != "" {
		c.Credentials = func() ([]byte, error) { return []byte(text), nil }
	}
	return gcs.New(c)
}
