package gcs

import (
	"context"
	"flag"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
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
	server *testserver.GCS
	faults *netproxy.Faults
	*Backend
}

// newLab starts a server, a proxy and a backend. change may be nil.
func newLab(t testing.TB, change func(*Config)) *lab {
	t.Helper()
	return labOn(t, testserver.FakeGCS(t, bucket), change)
}

func labOn(t testing.TB, server *testserver.GCS, change func(*Config)) *lab {
	t.Helper()
	faults := faultsAt(t, server.URL)
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
		Bucket:     bucket,
		Endpoint:   endpoint,
		Anonymous:  true,
		Patience:   time.Minute, // the machine may be busy
		Stall:      time.Minute,
		ProbeEvery: 20 * time.Millisecond,
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

// hasty is for tests of what happens when a server does not answer in time.
func hasty(c *Config) { c.Patience, c.Stall = 6*time.Second, 2*time.Second }

var buckets atomic.Int64

// fresh makes an empty bucket of the server.
func fresh(t *testing.T, server *testserver.GCS) string {
	t.Helper()
	name := "bucket-" + strconv.FormatInt(buckets.Add(1), 10)
	if err := server.MakeBucket(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestMain hides this machine's own configuration of Google's tools.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gcs-test-")
	if err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		"GOOGLE_APPLICATION_CREDENTIALS": "", "STORAGE_EMULATOR_HOST": "", "CLOUDSDK_CONFIG": dir, "HOME": dir,
		"GCE_METADATA_HOST": "", "HTTP_PROXY": "", "HTTPS_PROXY": "",
	} {
		os.Unsetenv(name)
		if value != "" {
			os.Setenv(name, value)
		}
	}
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

// put writes a small file and returns what the backend says of it.
func put(t testing.TB, b *Backend, name, text string) backends.Entry {
	t.Helper()
	e, err := b.Put(t.Context(), name, strings.NewReader(text), int64(len(text)), backends.Meta{}, backends.Cond{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// secretToken is what no text may tell.
const secretToken = "ya29.secret-of-the-tests"

// until waits for a condition.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	backendtest.Until(t, what, holds)
}

// bound is far above every deadline of the tests and far below "it hangs".
const bound = time.Minute

// untold are what no error may tell.
var untold = []string{secretToken, "Authorization"}

func wraps(err error) error { return backendtest.Sentinel(err) }

// checkError checks what every error must be.
func checkError(t *testing.T, err error) {
	t.Helper()
	backendtest.CheckError(t, err, untold...)
}
