package s3

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

const bucket = "photos"

// lab is one bucket behind a proxy that breaks replies on demand.
type lab struct {
	server *testserver.Server
	faults *netproxy.Faults
	*Backend
}

// newLab starts a server, a proxy and a backend. change may be nil.
func newLab(t testing.TB, start func(testing.TB, ...string) *testserver.Server, change func(*Config)) *lab {
	t.Helper()
	return labOn(t, start(t, bucket), change)
}

func labOn(t testing.TB, server *testserver.Server, change func(*Config)) *lab {
	t.Helper()
	return labAt(t, server, server.URL, change)
}

// labAt is a lab on a server that is reached at another URL than its own.
func labAt(t testing.TB, server *testserver.Server, url string, change func(*Config)) *lab {
	t.Helper()
	faults, err := netproxy.NewFaults(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { faults.Close() })
	return &lab{server, faults, open(t, faults.URL(), change)}
}

func open(t testing.TB, endpoint string, change func(*Config)) *Backend {
	t.Helper()
	cfg := Config{
		Bucket:      bucket,
		Endpoint:    endpoint,
		AccessKeyID: testserver.AccessKey,
		Secret:      func() (string, string, error) { return testserver.SecretKey, "", nil },
		Patience:    time.Minute, // the machine may be busy
		Stall:       time.Minute,
		ProbeEvery:  20 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// heedful is a server that heeds all conditions.
var heedful = backends.Capabilities{
	PutAbsent: true, PutVersion: true, CommitAbsent: true, CommitVersion: true, CommitGone: true,
	CopyAbsent: true, CopyVersion: true, CopySource: true, RemoveVersion: true, CopyPart: true,
}

// hasty is for tests of what happens when a server does not answer in time.
func hasty(c *Config) { c.Patience, c.Stall = 3*time.Second, time.Second }

// TestMain hides this machine's own AWS configuration from the SDK.
func TestMain(m *testing.M) {
	for _, setting := range os.Environ() {
		if name, _, _ := strings.Cut(setting, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	dir, err := os.MkdirTemp("", "s3-test-")
	if err != nil {
		panic(err)
	}
	os.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	// Most of the tests wait for something most of the time.
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(max(12, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// content is n bytes that differ everywhere, up to 6 MiB.
func content(n int) string { return contents()[:n] }

var contents = sync.OnceValue(func() string {
	const most = 6 << 20
	text := make([]byte, 0, most+100)
	for i := int64(0); len(text) < most; i++ {
		text = strconv.AppendInt(text, i*7919, 36)
		text = append(text, '\n')
	}
	return string(text)
})

func names(t testing.TB, b backends.Backend, dir string) []string {
	t.Helper()
	list := []string{}
	err := b.List(t.Context(), dir, func(page []backends.Entry) error {
		if len(page) == 0 {
			t.Error("empty page")
		}
		for _, e := range page {
			if e.Kind == backends.Dir {
				list = append(list, e.Name+"/")
			} else {
				list = append(list, e.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("list %q: %v", dir, err)
	}
	return list
}

func read(ctx context.Context, b backends.Backend, name, version string, off, n int64) (string, backends.Entry, error) {
	r, e, err := b.Get(ctx, name, version, off, n)
	if err != nil {
		return "", e, err
	}
	text, err := io.ReadAll(r)
	return string(text), e, errors.Join(err, r.Close())
}

// await waits until the volume is online or not.
func await(t testing.TB, b *Backend, online bool) {
	t.Helper()
	until(t, "the state changes", func() bool { return b.Health().Online == online })
}

// until waits for a condition.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
