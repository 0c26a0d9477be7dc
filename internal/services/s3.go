package services

import (
	"syscall"
	"testing"

	"sd/backends"
	"sd/backends/s3"
	"sd/internal/testserver"
	"sd/sdpath"
)

// versitygwCannot: its listings are XML without any coding, which cannot hold these characters.
var versitygwCannot = map[string]syscall.Errno{
	"name: control character": syscall.ENOENT,
	"name: not UTF-8":         syscall.ENOENT,
}

// startS3 gives a bucket on versitygw to a service of the S3 family, with that service's habits.
// The buckets of b2 keep no versions here: versitygw would hold what is removed in the way of a
// folder of the same name.
func startS3(service sdpath.Service) func(testing.TB) *Running {
	return func(t testing.TB) *Running {
		t.Helper()
		server := testserver.Versitygw(t, "bucket")
		url := server.URL
		if service != sdpath.S3 {
			url = testserver.Habits(t, string(service), server)
		}
		faults := newProxied(t, url)
		at := func(endpoint string) Volume {
			return Volume{
				Service: service, Identifier: "bucket",
				Config: map[string]string{"endpoint": endpoint, "region": testserver.Region, "access_key_id": testserver.AccessKey},
				Secret: map[string]string{"access_key_id": testserver.AccessKey, "secret_access_key": testserver.SecretKey},
			}
		}
		return &Running{Volume: at(faults.URL()), Direct: at(url), Faults: faults}
	}
}

func openS3(v Volume, l Limits) (backends.Backend, error) {
	c := s3.Config{
		Service: string(v.Service), Bucket: v.Identifier, Region: v.Config["region"], Endpoint: v.Config["endpoint"],
		Profile: v.Config["profile"], Anonymous: v.Config["anonymous"] == "true", AccessKeyID: v.Config["access_key_id"],
		Patience: l.Patience, Stall: l.Stall, ProbeEvery: l.ProbeEvery, PageSize: l.PageSize,
	}
	if c.AccessKeyID != "" {
		c.Secret = func() (string, string, error) { return v.Secret["secret_access_key"], "", nil }
	}
	return s3.New(c)
}
