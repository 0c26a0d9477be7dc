//go:build linux

package transfer_test

import (
	"bytes"
	"errors"
	iofs "io/fs"
	"path/filepath"
	"testing"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/actions/transfer"
	"sd/backends"
	"sd/backends/s3"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// real is a world whose volumes "a" and "b" are buckets of a server, behind a proxy that breaks
// replies.
type real struct {
	*world
	server *testserver.Server
	faults *netproxy.Faults
	s3     map[string]*s3.Backend
}

// all is what a server of today heeds.
var all = backends.Capabilities{
	PutAbsent: true, PutVersion: true, CommitAbsent: true, CommitVersion: true, CommitGone: true,
	CopyAbsent: true, CopyVersion: true, CopySource: true, RemoveVersion: true, CopyPart: true,
}

func newReal(t *testing.T) *real {
	t.Helper()
	r := &real{server: testserver.Versitygw(t, "bucket-a", "bucket-b"), s3: map[string]*s3.Backend{}}
	var err error
	r.faults, err = netproxy.NewFaults(r.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.faults.Close() })
	volumes := map[string]backends.Backend{}
	for _, name := range []string{"a", "b"} {
		b, err := s3.New(s3.Config{
			Bucket: "bucket-" + name, Endpoint: r.faults.URL(), AccessKeyID: testserver.AccessKey,
			Secret:   func() (string, string, error) { return testserver.SecretKey, "", nil },
			Patience: 4 * time.Second, Stall: 2 * time.Second, ProbeEvery: 20 * time.Millisecond, Capabilities: &all,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		volumes[name], r.s3[name] = b, b
	}
	r.world = newWorld(t, volumes, transfer.Config{})
	transfer.SetUnit(r.Transfers, 8<<20)
	return r
}

// clean checks that no upload and no hidden file is left.
func (r *real) clean() {
	r.Helper()
	for _, bucket := range []string{"bucket-a", "bucket-b"} {
		if list, err := r.server.Uploads(r.Context(), bucket); err != nil || len(list) > 0 {
			r.Errorf("uploads left in %s: %q, %v", bucket, list, err)
		}
	}
	if list, _ := filepath.Glob(filepath.Join(r.dir, ".sd-*")); len(list) > 0 {
		r.Errorf("left behind: %q", list)
	}
}

// TestServer copies by way of a real server, small and large, to it, inside it and from it.
func TestServer(t *testing.T) {
	t.Parallel()
	w := newReal(t)
	a, b := w.store("a"), w.store("b")
	for base, size := range map[string]int{"small": 16 << 10, "large": 17 << 20} {
		data := noise(size, 1)
		e := w.make(w.local, base, data)
		step := func(from stores.Store, e stores.Entry, to stores.Store, name string, want steps.Method) stores.Entry {
			t.Helper()
			task := w.task(from, e, to, name)
			r, err := w.Copy(t.Context(), task)
			w.must(err)
			if r.Method != want {
				t.Errorf("%s to %s was done by %v, want %v", e.Name, task.Name, r.Method, want)
			}
			w.wantCopy(to, task.Name, data)
			return w.entry(to, task.Name)
		}
		e = step(w.local, e, a, base, steps.Upload)
		e = step(a, w.listed(a.(*stores.Volume), e.Name), a, base+"2", steps.ServerCopy)
		in := w.s3["a"].Stats()
		e = step(a, e, b, base, steps.ServerCopy)
		if out := w.s3["a"].Stats(); out.BytesIn-in.BytesIn > 10_000 {
			t.Errorf("%d bytes passed through here", out.BytesIn-in.BytesIn)
		}
		step(b, w.listed(b.(*stores.Volume), e.Name), w.local, base+"3", steps.Download)
	}
	w.clean()
}

// TestFaults breaks each kind of request in each way. The copy is right or has failed with
// nothing left behind, and is right when it is made again.
func TestFaults(t *testing.T) {
	t.Parallel()
	w := newReal(t)
	data := map[string][]byte{"small": noise(100_000, 1), "large": noise(17<<20, 2)}
	sources := map[string]stores.Entry{}
	for _, name := range []string{"local", "a"} {
		for base := range data {
			sources[name+base] = w.make(w.store(name), base, data[base])
		}
	}
	forbidden := netproxy.Fault{Kind: netproxy.Status, Status: 403}
	for _, tt := range []struct {
		name, from, to, base string
		rule                 netproxy.Rule
		want                 error // nil: it is mended on the way
	}{
		{"a cut body", "a", "local", "small", netproxy.Rule{Op: "GET", Nth: 1, Fault: netproxy.Fault{Kind: netproxy.CutBody, After: 5000}}, nil},
		{"cut bodies", "a", "local", "large", netproxy.Rule{Op: "GET", Nth: 2, Times: 2, Fault: netproxy.Fault{Kind: netproxy.CutBody, After: 50_000}}, nil},
		{"a wrong length", "a", "local", "small", netproxy.Rule{Op: "GET", Times: 100, Fault: netproxy.Fault{Kind: netproxy.WrongLength, After: 5000}}, errAny},
		{"a wrong length in the middle", "a", "local", "large", netproxy.Rule{Op: "GET", Nth: 2, Times: 100, Fault: netproxy.Fault{Kind: netproxy.WrongLength, After: 5000}}, errAny},
		{"forbidden", "a", "local", "small", netproxy.Rule{Op: "GET", Fault: forbidden}, iofs.ErrPermission},
		{"forbidden in the middle", "a", "local", "large", netproxy.Rule{Op: "GET", Nth: 3, Times: 100, Fault: forbidden}, iofs.ErrPermission},
		{"overload", "local", "a", "small", netproxy.Rule{Op: "PUT", Nth: 1, Times: 2, Fault: netproxy.Fault{Kind: netproxy.Status, Status: 503}}, nil},
		{"overload of parts", "local", "a", "large", netproxy.Rule{Op: "PART", Nth: 1, Times: 2, Fault: netproxy.Fault{Kind: netproxy.Status, Status: 503}}, nil},
		{"a part forbidden", "local", "a", "large", netproxy.Rule{Op: "PART", Nth: 2, Times: 100, Fault: forbidden}, iofs.ErrPermission},
		{"the end forbidden", "local", "a", "large", netproxy.Rule{Op: "COMPLETE", Times: 100, Fault: forbidden}, iofs.ErrPermission},
		{"a reset", "local", "a", "small", netproxy.Rule{Op: "PUT", Nth: 1, Fault: netproxy.Fault{Kind: netproxy.Reset}}, nil},
		{"full", "local", "a", "small", netproxy.Rule{Op: "PUT", Times: 100, Fault: netproxy.Fault{Kind: netproxy.Status, Status: 507}}, backends.ErrNoSpace},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.TB = t
			from, to := w.store(tt.from), w.store(tt.to)
			task := w.task(from, sources[tt.from+tt.base], to, tt.base+" "+tt.name)
			w.faults.Script(tt.rule)
			_, err := w.Copy(t.Context(), task)
			w.faults.Script()
			switch {
			case tt.want == nil:
				w.must(err)
			case tt.want == errAny && err == nil, tt.want != errAny && !errors.Is(err, tt.want):
				t.Errorf("got error %v, want %v", err, tt.want)
			}
			if err != nil {
				w.absent(to, task.Name)
				w.clean()
				_, err = w.Copy(t.Context(), task)
				w.must(err)
			}
			w.wantCopy(to, task.Name, data[tt.base])
			w.clean()
		})
	}
}

var errAny = errors.New("some error")

// TestReplacedInTheMiddle mixes no two versions of an object.
func TestReplacedInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newReal(t)
	e := w.make(w.store("a"), "source", noise(33<<20, 1))
	other := noise(33<<20, 2)
	asked := 0
	w.faults.ScriptFunc(func(q netproxy.Request) netproxy.Fault {
		if q.Op == "GET" {
			if asked++; asked == 3 {
				w.must(w.server.Put(t.Context(), "bucket-a", e.Name, bytes.NewReader(other), int64(len(other)), nil))
			}
		}
		return netproxy.Fault{}
	})
	for _, to := range []stores.Store{w.local, w.store("b")} {
		task := w.task(w.store("a"), e, to, "target")
		if to != w.local {
			task.Omit = transfer.Xattrs
		}
		_, err := w.Copy(t.Context(), task)
		w.changed(err, transfer.Source)
		w.absent(to, task.Name)
	}
	w.clean()
}

// TestHang ends when the server says nothing, and goes on when it is back.
func TestHang(t *testing.T) {
	t.Parallel()
	w := newReal(t)
	data := noise(17<<20, 1)
	task := w.task(w.local, w.make(w.local, "source", data), w.store("a"), "target")
	w.faults.Script(netproxy.Rule{Op: "PART", Nth: 2, Times: 1000, Fault: netproxy.Fault{Kind: netproxy.StallHead}},
		netproxy.Rule{Op: "HEADBUCKET", Times: 1000, Fault: netproxy.Fault{Kind: netproxy.StallHead}})
	task.Saved = *interrupted(w.world, &task)
	w.unseen(task)
	w.faults.Script()
	until(t, "the server is found again", func() bool { return w.s3["a"].Health().Online })
	_, err := w.Copy(t.Context(), task)
	w.must(err)
	w.wantCopy(task.To, task.Name, data)
	w.clean()
}

// unseen asks the server itself, while nothing reaches it from here.
func (r *real) unseen(task transfer.Task) {
	r.Helper()
	if keys := r.server.Keys(r, "bucket-a", task.Name); len(keys) > 0 {
		r.Errorf("there is %q", keys)
	}
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
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
