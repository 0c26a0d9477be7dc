package fs_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/internal/mounttest"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// strain opens, writes, renames and removes files from several goroutines, while one
// request in twelve fails; errors are what it is about, so they are not looked at.
func (c *cloud) strain(t *testing.T, rounds int) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(rounds), 5))
	c.ScriptFunc(func(netproxy.Request) netproxy.Fault {
		switch r.IntN(60) {
		case 0:
			return refused(503, "SlowDown")
		case 1:
			return refused(403, "AccessDenied")
		case 2:
			return netproxy.Fault{Kind: netproxy.Reset}
		case 3:
			return refused(412, "PreconditionFailed")
		case 4:
			return refused(500, "InternalError")
		}
		return netproxy.Fault{}
	})
	var running sync.WaitGroup
	for w := range 4 {
		running.Go(func() {
			dir := c.at("strain", fmt.Sprint(w))
			os.MkdirAll(dir, 0o755)
			for i := range rounds {
				a, b := filepath.Join(dir, fmt.Sprint("a", i%5)), filepath.Join(dir, fmt.Sprint("b", i%3))
				os.WriteFile(a, []byte(strings.Repeat("x", 1000*(i%50))), 0o644)
				os.ReadFile(a)
				switch i % 5 {
				case 0:
					os.Rename(a, b)
				case 1:
					os.Remove(b)
				case 2:
					os.ReadDir(dir)
				case 3:
					if f, err := os.OpenFile(a, os.O_RDWR|os.O_APPEND, 0); err == nil {
						f.WriteString("more")
						f.Sync()
						os.Remove(a)
						f.WriteString("and more")
						f.Close()
					}
				case 4:
					os.Chmod(a, 0o600)
					os.Truncate(a, 100)
				}
				if i%20 == 0 {
					os.WriteFile(a, make([]byte, 9<<20), 0o644)
				}
			}
			os.RemoveAll(dir)
		})
	}
	running.Wait()
	c.Script()
	if err := within(t, time.Minute, "removing all", func() error {
		for try := 0; ; try++ {
			if err := os.RemoveAll(c.at("strain")); err == nil || try == 100 {
				return err
			}
		}
	}); err != nil {
		t.Errorf("remove all: %v", err)
	}
	c.drain(t)
}

// stagedFiles are what lies in the staging folder, but for what marks it as in use.
func (c *cloud) stagedBytes(t *testing.T) (bytes int64, list []string) {
	t.Helper()
	filepath.WalkDir(filepath.Join(c.data, "staging"), func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		if info, err := e.Info(); err == nil && info.Size() > 0 {
			bytes += info.Size()
			list = append(list, fmt.Sprintf("%s (%d bytes)", strings.TrimPrefix(p, c.data), info.Size()))
		}
		return nil
	})
	return bytes, list
}

// Whatever happens to files, nothing of them stays in the mount's process or folder.
func TestNothingLeaks(t *testing.T) {
	c := newCloud(t, mounttest.Options{RetryMin: 10 * time.Millisecond, RetryMax: 50 * time.Millisecond, CacheBytes: 32 << 20}, testserver.Versitygw)
	c.strain(t, 40) // connections and pools come to be
	before := c.m.Usage()
	for range 2 {
		c.strain(t, 60)
	}
	var after mounttest.Usage
	settled := func() bool {
		after = c.m.Usage()
		return after.Goroutines <= before.Goroutines+20 && after.Descriptors <= before.Descriptors+20 && after.RSS <= before.RSS*3/2+(64<<20)
	}
	for end := time.Now().Add(10 * time.Second); !settled() && time.Now().Before(end); {
	}
	if !settled() {
		t.Errorf("after the strain %+v, before %+v\n%s", after, before, c.m.Goroutines())
	}
	t.Logf("before %+v, after %+v", before, after)
	mounttest.Eventually(t, 10*time.Second, "the staging folder is empty", func() bool { bytes, _ := c.stagedBytes(t); return bytes < 64<<10 })
	if pending := c.m.Pending(); len(pending) != 0 {
		t.Errorf("waiting for their upload: %+v", pending)
	}
	c.kills = 4 // of uploads whose beginning was answered and not heard of
	c.noLitter(t, "")
}
