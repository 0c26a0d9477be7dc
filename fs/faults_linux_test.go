package fs_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// deadline is what a first operation on a volume that does not answer may take, with
// the patience of these tests (2 s) and room for a busy machine.
const deadline = 10 * time.Second

// within runs do and fails the test if it takes longer than limit.
func within(t *testing.T, limit time.Duration, what string, do func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		t.Fatalf("%s hangs", what)
		return nil
	}
}

func TestFaultsOfAServer(t *testing.T) {
	readFile := func(m *mounttest.Mount) func() error {
		return func() error { _, err := os.ReadFile(m.Path("s3/broken/dir/file")); return err }
	}
	listDir := func(m *mounttest.Mount) func() error {
		return func() error { _, err := os.ReadDir(m.Path("s3/broken/dir")); return err }
	}
	broken := newBucket(t, "broken", testserver.Gofakes3)
	content := broken.put(t, 3<<20, "dir/file")
	sound := newBucket(t, "sound", testserver.Gofakes3)
	sound.put(t, 1000, "file")

	always := func(op string, f netproxy.Fault) func(*bucket) {
		return func(b *bucket) { b.Script(netproxy.Rule{Op: op, Fault: f}) }
	}
	status := func(code int, name string) netproxy.Fault {
		return netproxy.Fault{Kind: netproxy.Status, Status: code, Code: name}
	}
	for _, tt := range []struct {
		name  string
		spoil func(*bucket)
		do    func(*mounttest.Mount) func() error
		want  error
	}{
		{"hang on GET", always("GET", netproxy.Fault{Kind: netproxy.StallHead}), readFile, unix.EHOSTUNREACH},
		{"hang in the body", always("GET", netproxy.Fault{Kind: netproxy.StallBody, After: 1000}), readFile, unix.EHOSTUNREACH},
		{"hang on LIST", always("LIST", netproxy.Fault{Kind: netproxy.StallHead}), listDir, unix.EHOSTUNREACH},
		{"cut bodies", always("GET", netproxy.Fault{Kind: netproxy.CutBody, After: 100}), readFile, unix.EIO},
		{"wrong length", always("GET", netproxy.Fault{Kind: netproxy.WrongLength}), readFile, unix.EIO},
		{"403 on GET", always("GET", status(403, "AccessDenied")), readFile, unix.EACCES},
		{"403 on LIST", always("LIST", status(403, "AccessDenied")), listDir, unix.EACCES},
		{"expired login", always("GET", status(400, "ExpiredToken")), readFile, unix.EACCES},
		{"404 of an object", always("GET", status(404, "NoSuchKey")), readFile, unix.ESTALE},
		{"500", always("GET", status(500, "InternalError")), readFile, unix.EIO},
		{"503", always("GET", status(503, "SlowDown")), readFile, unix.EIO},
		{"refused", func(b *bucket) { b.Refuse() }, readFile, unix.EHOSTUNREACH},
		{"dead", func(b *bucket) { b.Die() }, readFile, unix.EHOSTUNREACH},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{broken.volume(), sound.volume()}})
			if _, err := os.Lstat(m.Path("s3/broken/dir/file")); err != nil {
				t.Fatal(err)
			}
			tt.spoil(broken)
			defer broken.Serve()
			defer broken.Script()
			err := within(t, deadline, tt.name, tt.do(m))
			if !errors.Is(err, tt.want) && !(tt.want == unix.EIO && errors.Is(err, unix.EHOSTUNREACH)) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if tt.want == unix.EHOSTUNREACH {
				within(t, time.Second, "the second operation", tt.do(m))
			}
			if err := within(t, time.Second, "another volume", func() error { _, err := os.ReadFile(m.Path("s3/sound/file")); return err }); err != nil {
				t.Errorf("another volume: %v", err)
			}
			within(t, time.Second, "the folder of volumes", func() error { names(t, m.Path("s3")); return nil })

			broken.Script()
			must(t, broken.Serve())
			mounttest.Eventually(t, 10*time.Second, "the volume works again without a remount", func() bool {
				b, err := os.ReadFile(m.Path("s3/broken/dir/file"))
				return err == nil && string(b) == string(content)
			})
		})
	}
}

// A fault that a retry can mend is not seen at all.
func TestPassingFaults(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	content := b.put(t, 6<<20, "file")
	for name, f := range map[string]netproxy.Fault{
		"one 503":         {Kind: netproxy.Status, Status: 503, Code: "SlowDown"},
		"one 500":         {Kind: netproxy.Status, Status: 500, Code: "InternalError"},
		"one cut":         {Kind: netproxy.CutBody, After: 300000},
		"one broken pipe": {Kind: netproxy.Reset},
	} {
		t.Run(name, func(t *testing.T) {
			m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}})
			b.Script(netproxy.Rule{Op: "GET", Nth: 1, Times: 1, Fault: f})
			defer b.Script()
			if got := read(t, m.Path("s3/bucket/file")); got != string(content) {
				t.Errorf("%d bytes differ from the %d stored", len(got), len(content))
			}
		})
	}
}

func TestInterruptedReads(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	b.put(t, 1<<20, "file")
	v := b.volume()
	v.Patience, v.Stall = time.Minute, time.Minute
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{v}})
	lstat(t, m.Path("s3/bucket/file"))
	b.Script(netproxy.Rule{Op: "GET", Fault: netproxy.Fault{Kind: netproxy.StallHead}})
	defer b.Script()
	if out, err := run(t, 0, "/", "timeout", "--signal=INT", "0.3", "cat", m.Path("s3/bucket/file")); err == nil {
		t.Errorf("cat of a stalled file succeeded: %q", out)
	}
}

func TestKilledMountIsReplaced(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	m := mounttest.StartAt(t, mounttest.Options{}, dir, data)
	behind, shown := localDir(t, m)
	f, err := os.Create(shown + "/f")
	must(t, err)
	defer f.Close()
	_, err = f.WriteString("written before the kill")
	must(t, err)
	m.Kill()
	if _, err := os.ReadDir(dir); errnoOf(err) != unix.ENOTCONN {
		t.Errorf("a killed mount: %v, want ENOTCONN", err)
	}
	mounttest.Detach(dir)
	m = mounttest.StartAt(t, mounttest.Options{}, dir, data)
	if got := read(t, m.Local(behind)+"/f"); got != "written before the kill" {
		t.Errorf("after the remount: %q", got)
	}
}
