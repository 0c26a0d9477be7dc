package fs_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// cloudFaults are what can befall requests, and the errnos that a program may then
// see; nil is success. Reads and writes differ where an answer without a body cannot
// be cut, and where a server that lies about an object is believed.
var cloudFaults = []struct {
	name         string
	fault        netproxy.Fault
	refuse       bool
	times        int // 0: until it passes
	read, change []error
}{
	{name: "stall", fault: netproxy.Fault{Kind: netproxy.StallHead}, read: offline, change: offline},
	{name: "stall in the body", fault: netproxy.Fault{Kind: netproxy.StallBody, After: 5}, read: maybe(offline), change: maybe(offline)},
	{name: "cut body", fault: netproxy.Fault{Kind: netproxy.CutBody, After: 50}, read: maybe(broken), change: maybe(broken)},
	{name: "wrong length", fault: netproxy.Fault{Kind: netproxy.WrongLength, After: 7}, read: maybe(broken), change: maybe(broken)},
	{name: "broken connections", fault: netproxy.Fault{Kind: netproxy.Reset}, read: broken, change: broken},
	{name: "refused", refuse: true, read: offline, change: offline},
	{name: "slow first byte", fault: netproxy.Fault{Delay: 50 * time.Millisecond}, read: fine, change: fine},
	{name: "403", fault: refused(403, "AccessDenied"), read: []error{unix.EACCES}, change: []error{unix.EACCES}},
	{name: "expired credentials", fault: refused(400, "ExpiredToken"), read: []error{unix.EACCES}, change: []error{unix.EACCES}},
	{name: "404", fault: refused(404, "NoSuchKey"), read: []error{unix.ENOENT, unix.ESTALE}, change: []error{nil, unix.ENOENT, unix.ESTALE, unix.EIO}},
	{name: "409", fault: refused(409, "ConditionalRequestConflict"), read: []error{unix.ESTALE, unix.EIO}, change: []error{unix.ESTALE, unix.EEXIST, unix.EIO}},
	{name: "412", fault: refused(412, "PreconditionFailed"), read: []error{unix.ESTALE}, change: []error{unix.ESTALE, unix.EEXIST}},
	{name: "429", fault: refused(429, "TooManyRequests"), read: offline, change: offline},
	{name: "500", fault: refused(500, "InternalError"), read: []error{unix.EIO}, change: []error{unix.EIO}},
	{name: "503", fault: refused(503, "SlowDown"), read: offline, change: offline},
	{name: "one 429", fault: refused(429, "TooManyRequests"), times: 1, read: fine, change: fine},
	{name: "one 500", fault: refused(500, "InternalError"), times: 1, read: fine, change: fine},
	{name: "one 503", fault: refused(503, "SlowDown"), times: 1, read: fine, change: fine},
	{name: "one broken connection", fault: netproxy.Fault{Kind: netproxy.Reset}, times: 1, read: fine, change: fine},
}

var (
	fine    = []error{nil}
	offline = []error{unix.EHOSTUNREACH}
	broken  = []error{unix.EIO, unix.EHOSTUNREACH}
)

func maybe(errs []error) []error { return append([]error{nil}, errs...) }

func refused(status int, code string) netproxy.Fault {
	return netproxy.Fault{Kind: netproxy.Status, Status: status, Code: code}
}

// TestFaultsOfEveryOperation lets every fault befall every operation. Each gives the
// errno that is promised, in time; the objects are those of before or of after, never
// others; and once the fault has passed, the background or a second try ends it.
func TestFaultsOfEveryOperation(t *testing.T) {
	s := testserver.Versitygw(t)
	ops := faultOps()
	var all []*bucket
	o := mounttest.Options{MetadataTTL: 50 * time.Millisecond, RetryMin: 10 * time.Millisecond, RetryMax: 100 * time.Millisecond}
	for _, op := range ops {
		name := strings.ReplaceAll(op.name, " ", "-") + "-bucket"
		must(t, s.MakeBucket(t.Context(), name))
		p, err := netproxy.NewFaults(s.URL)
		must(t, err)
		t.Cleanup(func() { p.Close() })
		b := &bucket{p, name, s}
		v := b.volume()
		v.Patience, v.Stall = 2*time.Second, time.Second
		o.Volumes = append(o.Volumes, v)
		all = append(all, b)
	}
	m := mounttest.Start(t, o)
	t.Run("all", func(t *testing.T) {
		var running sync.WaitGroup // they wait most of the time, so all can do it at once
		defer running.Wait()
		for i, op := range ops {
			running.Go(func() {
				t.Run(op.name, func(t *testing.T) {
					c := &cloud{bucket: all[i], m: m}
					for _, f := range cloudFaults {
						t.Run(f.name, func(t *testing.T) {
							rule := netproxy.Fault{}
							if f.times == 0 {
								rule = f.fault
							}
							want := f.change
							if len(op.requests) < len(writing) {
								want = f.read
							}
							if op.mayKeep {
								want = maybe(want)
							}
							op.endure(t, c, f.name, want, func() {
								switch {
								case f.refuse:
									c.Refuse()
								case f.times > 0:
									var rules []netproxy.Rule
									for _, r := range op.requests {
										rules = append(rules, netproxy.Rule{Op: r, Times: f.times, Fault: f.fault})
									}
									c.Script(rules...)
								default:
									c.breakAll(rule, op.requests...)
								}
							})
						})
					}
				})
			})
		}
	})
	for _, b := range all {
		var left []string
		mounttest.Eventually(t, 10*time.Second, "no upload is left at the server in "+b.name, func() bool {
			var err error
			left, err = s.Uploads(t.Context(), b.name)
			return err == nil && len(left) == 0
		})
	}
	mounttest.Eventually(t, 10*time.Second, "nothing waits for its upload", func() bool { return len(m.Pending()) == 0 })
}

// objects reads what the server has below a folder, markers too.
func (c *cloud) objects(t *testing.T, dir string) map[string]string {
	t.Helper()
	have := map[string]string{}
	for _, key := range c.server.Keys(t, c.name, dir+"/") {
		if rel := strings.TrimPrefix(key, dir+"/"); rel != "" {
			have[rel], _ = c.stored(t, key)
		}
	}
	return have
}

// endure does op while spoil is in force.
func (op *faultOp) endure(t *testing.T, c *cloud, folder string, want []error, spoil func()) {
	prefix := strings.ReplaceAll(folder, " ", "-")
	dir := c.at(prefix)
	c.overwrite(t, prefix+"/", "")
	for key, content := range op.before {
		c.overwrite(t, prefix+"/"+key, content)
	}
	mounttest.Eventually(t, 10*time.Second, "the folder is there", func() bool {
		_, err := os.Lstat(dir)
		return err == nil
	})
	if !slices.Equal(op.requests, []string{"HEAD", "LIST"}) { // all but stat know the name
		for key := range op.before {
			lstat(t, dir+"/"+strings.TrimSuffix(key, "/"))
		}
	}

	defer c.Serve()
	defer c.Script()
	spoil()
	err := within(t, deadline, op.name, func() error { return op.do(dir) })
	wantErrno(t, op.name, err, want...)
	state, conflicts := op.cut(c.objects(t, prefix))
	if wrong := op.lost(state, conflicts); wrong != "" {
		t.Errorf("while it lasts: %s", wrong)
	}
	if err == nil && slices.Equal(want, fine) && !op.finished(state) {
		t.Errorf("it was done, says the mount, and the server has %s", inventory(state))
	}

	c.Script()
	must(t, c.Serve())
	var last error
	mounttest.Eventually(t, 10*time.Second, "it is done after the fault has passed", func() bool {
		state, conflicts = op.cut(c.objects(t, prefix))
		if wrong := op.lost(state, conflicts); wrong != "" {
			t.Fatalf("after it has passed: %s", wrong)
		}
		done, ok := op.view(dir)
		if ok && done && op.finished(state) {
			return true
		}
		if ok && !done {
			last = within(t, deadline, "the second "+op.name, func() error { return op.do(dir) })
		}
		return t.Failed()
	})
	if t.Failed() {
		t.Logf("the first try: %v; the last: %v; the server has\n%s", err, last, inventory(state))
	}
}

// An object that changes while it is read is the old one or ESTALE, never both.
func TestObjectChangesInMidRead(t *testing.T) {
	c := newCloud(t, mounttest.Options{}, testserver.Versitygw)
	old := telling(301)
	for round := range 5 {
		c.overwrite(t, fmt.Sprint("f", round), string(old))
	}
	for round := range 5 {
		name := fmt.Sprint("f", round)
		lstat(t, c.at(name))
		gets, changed := 0, make(chan struct{})
		c.ScriptFunc(func(q netproxy.Request) netproxy.Fault {
			if q.Op != "GET" {
				return netproxy.Fault{}
			}
			if gets++; gets == 1 {
				return netproxy.Fault{}
			}
			if gets == 2 {
				go func() {
					defer close(changed)
					c.overwrite(t, name, string(telling(302)))
				}()
			}
			return netproxy.Fault{Kind: netproxy.StallHead, For: 30 * time.Millisecond}
		})
		b, err := os.ReadFile(c.at(name))
		if err != nil {
			wantErrno(t, "a read across the change", err, unix.ESTALE)
		}
		if _, wrong := oneVersion(b[:len(b)/4096*4096], 0, 0); wrong != nil {
			t.Error(wrong)
		}
		if err == nil && !bytes.Equal(b, old) && !bytes.Equal(b, telling(302)) {
			t.Errorf("%d bytes are neither the old version's %d nor the new one's %d", len(b), len(old), len(telling(302)))
		}
		c.Script()
		if gets > 1 {
			<-changed
		}
	}
}
