package azblob

import (
	"context"
	"flag"
	"fmt"
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

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// azurite serves all tests of the package; each has a container of its own.
var (
	azurite    *testserver.Azurite
	containers atomic.Int64
)

func TestMain(m *testing.M) {
	var err error
	if azurite, err = testserver.StartAzurite(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Most of the tests wait for something most of the time.
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(max(12, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
	status := m.Run()
	if err := azurite.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// fresh makes an empty container.
func fresh(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("photos-%d", containers.Add(1))
	if err := azurite.MakeContainer(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return name
}

// lab is one container behind a proxy that breaks replies on demand.
type lab struct {
	faults *netproxy.Faults
	raw    *container.Client // past the proxy
	*Backend
}

// faultsAt is a proxy before Azurite.
func faultsAt(t testing.TB) *netproxy.Faults {
	t.Helper()
	faults, err := netproxy.NewFaults(strings.TrimSuffix(azurite.Endpoint, "/"+testserver.AzureAccount))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { faults.Close() })
	return faults
}

// newLab makes a container, a proxy and a backend. change may be nil.
func newLab(t testing.TB, change func(*Config)) *lab {
	t.Helper()
	faults := faultsAt(t)
	name := fresh(t)
	b := open(t, func(c *Config) {
		c.Container, c.Endpoint = name, faults.URL()
		if change != nil {
			change(c)
		}
	})
	return &lab{faults, azurite.MustContainer(t, name), b}
}

func open(t testing.TB, change func(*Config)) *Backend {
	t.Helper()
	cfg := Config{
		Account:  testserver.AzureAccount,
		Endpoint: azurite.Endpoint,
		Auth:     AuthKey,
		Secret:   func() (string, error) { return testserver.AzureKey, nil },
		Patience: time.Minute, // the machine may be busy
		Stall:    30 * time.Second,
	}
	change(&cfg)
	if (cfg.Auth == AuthDefault || cfg.Auth == AuthAnonymous) && cfg.Secret != nil {
		cfg.Secret = nil
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// seed writes blobs past the backend, by name and content in turn.
func (l *lab) seed(t testing.TB, namesAndContents ...string) {
	t.Helper()
	for i := 0; i+1 < len(namesAndContents); i += 2 {
		l.seedWith(t, namesAndContents[i], namesAndContents[i+1], nil)
	}
}

// seedWith writes a blob as other tools do.
func (l *lab) seedWith(t testing.TB, name, content string, metadata map[string]string) {
	t.Helper()
	_, err := l.raw.NewBlockBlobClient(name).UploadBuffer(t.Context(), []byte(content), &blockblob.UploadBufferOptions{Metadata: unfold(metadata)})
	if err != nil {
		t.Fatal(err)
	}
}

func (l *lab) put(t testing.TB, name, content string, m backends.Meta, c backends.Cond) (backends.Entry, error) {
	t.Helper()
	r := strings.NewReader(content)
	return l.Put(t.Context(), name, r, r.Size(), m, c)
}

// hasty is for tests of what happens when a server does not answer in time.
func hasty(c *Config) {
	c.Patience, c.Stall, c.ProbeEvery = 8*time.Second, 2*time.Second, 20*time.Millisecond
}

// content is n bytes that differ everywhere.
func content(n int) string { return backendtest.Pattern(n) }

// names lists a directory, each with a slash behind a directory.
func names(t testing.TB, b backends.Backend, dir string) []string {
	t.Helper()
	list := []string{}
	err := b.List(t.Context(), dir, func(page []backends.Entry) error {
		for _, e := range page {
			if e.Kind == backends.Dir {
				e.Name += "/"
			}
			list = append(list, e.Name)
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
var untold = []string{testserver.AzureKey, "sig=", "SharedKey "}

func wraps(err error) error { return backendtest.Sentinel(err) }

// checkError checks what every error must be.
func checkError(t *testing.T, err error) {
	t.Helper()
	backendtest.CheckError(t, err, untold...)
}

// setMeta changes what a file carries.
func setMeta(t testing.TB, b *Backend, name, version string, m backends.Meta) (backends.Entry, error) {
	t.Helper()
	return b.Copy(t.Context(), name, name, backends.CopyOptions{Source: version, Meta: &m})
}
