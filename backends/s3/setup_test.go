package s3

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/backendtest"
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
	faults := faultsAt(t, url)
	return &lab{server, faults, open(t, faults.URL(), change)}
}

// faultsAt is a proxy before the server at url.
func faultsAt(t testing.TB, url string) *netproxy.Faults {
	t.Helper()
	faults, err := netproxy.NewFaults(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { faults.Close() })
	return faults
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
func hasty(c *Config) { c.Patience, c.Stall = 5*time.Second, 2*time.Second }

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

// content is n bytes that differ everywhere.
func content(n int) string { return backendtest.Pattern(n) }

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
	return backendtest.Read(ctx, b, name, version, off, n)
}

// until waits for a condition.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	backendtest.Until(t, what, holds)
}

// bound is far above every deadline of the tests and far below "it hangs".
const bound = time.Minute

// untold are what no error may tell.
var untold = []string{testserver.SecretKey, "Signature=", "Authorization"}

func wraps(err error) error { return backendtest.Sentinel(err) }

// checkError checks what every error must be.
func checkError(t *testing.T, err error) {
	t.Helper()
	backendtest.CheckError(t, err, untold...)
}
