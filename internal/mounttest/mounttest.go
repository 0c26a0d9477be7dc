// Package mounttest mounts the tree for tests. The mount is served by a process of
// its own, the test binary run once more: a program that uses a FUSE mount which it
// serves itself can deadlock (go-fuse, package fs, "Deadlocks"). Only tests import it.
package mounttest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"sd/backends"
	"sd/fs"
	"sd/internal/services"
	"sd/sdpath"
)

// Volume is a volume to show as <Service>/<Identifier>. Without a Service it is an S3 bucket,
// to show as s3/<Bucket>.
type Volume struct {
	Bucket, Endpoint     string
	AccessKey, SecretKey string // none: anonymous

	Service        sdpath.Service
	Identifier     string
	Config, Secret map[string]string
	Proxy, CACert  string // as in services.Volume

	// Memory has the volume lie in the memory of the mount's process: Objects, Drive or Folding.
	// Its content goes with that process; see Mount.Memory. Capacity bounds it, and MaxPut each
	// file; 0 does not.
	Memory           string
	Capacity, MaxPut int64

	Patience, Stall, Probing time.Duration
	Poll                     time.Duration
	PageSize                 int
}

// Of is the volume of a service, opened with these limits.
func Of(v services.Volume, l services.Limits) Volume {
	return Volume{
		Service: v.Service, Identifier: v.Identifier, Config: v.Config, Secret: v.Secret, Proxy: v.Proxy, CACert: v.CACert,
		Patience: l.Patience, Stall: l.Stall, Probing: l.ProbeEvery, Poll: l.Poll, PageSize: l.PageSize,
	}
}

// general is v as every service has it.
func (v Volume) general() services.Volume {
	if v.Service != "" {
		return services.Volume{
			Service: v.Service, Identifier: v.Identifier, Config: v.Config, Secret: v.Secret, Proxy: v.Proxy, CACert: v.CACert,
		}
	}
	g := services.Volume{Service: sdpath.S3, Identifier: v.Bucket, Config: map[string]string{"endpoint": v.Endpoint}}
	if v.AccessKey == "" {
		return g
	}
	g.Secret = map[string]string{"access_key_id": v.AccessKey, "secret_access_key": v.SecretKey}
	return g
}

// open makes the volume's backend.
func (v Volume) open() (backends.Backend, error) {
	if v.Memory != "" {
		return v.memory()
	}
	g := v.general()
	if v.Service == "" { // what the library keeps of it is the endpoint alone
		g.Config = map[string]string{"endpoint": v.Endpoint, "region": "us-east-1", "access_key_id": v.AccessKey}
		if v.AccessKey == "" {
			g.Config["anonymous"] = "true"
		}
	}
	return g.Open(services.Limits{Patience: v.Patience, Stall: v.Stall, ProbeEvery: v.Probing, Poll: v.Poll, PageSize: v.PageSize})
}

// Options say what to mount and as whom; all may be zero.
type Options struct {
	Volumes     []Volume
	Devices     []string // more devices of the library, which cannot be reached
	ReadOnly    bool
	AllowOther  bool
	MetadataTTL time.Duration
	CacheBytes  int64
	UID         uint32 // serve as this user, who must be able to reach the test binary
	Debug       bool   // log every request to the test's output

	Hits   map[string][]string // URIs that search/ shows, by query; nil: there is no search/
	Record bool                // note the changes that the mount tells (Changes)

	// What is written to volumes lies below the data directory until it is uploaded.
	WriteBack    bool
	StagingBytes int64         // the cap of what may lie there; 0 is the default
	StagingStall time.Duration // how long a writer waits for space that nothing frees
	RetryMin     time.Duration // between attempts to upload
	RetryMax     time.Duration
	RenameSettle time.Duration // how long the requests of a killed mount may take effect
	DiskCache    int64         // bytes of the cache on disk; 0 is none
}

// Mount is a live mount.
type Mount struct {
	Dir  string // the mountpoint
	t    testing.TB
	cmd  *exec.Cmd
	in   *os.File
	out  *bufio.Scanner
	done bool
}

const configEnv = "SD_MOUNTTEST"

type childConfig struct {
	Options
	Dir, Data string
}

// Start mounts the tree and returns when it is served. Cleanup unmounts it and fails
// the test if that does not work or the process leaves descriptors of the tree open.
func Start(t testing.TB, o Options) *Mount {
	t.Helper()
	base := t.TempDir()
	dir, data := filepath.Join(base, "mnt"), filepath.Join(base, "data")
	for _, d := range []string{dir, data} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return StartAt(t, o, dir, data)
}

// StartAt is Start with a mountpoint and a data directory of the caller's.
func StartAt(t testing.TB, o Options, dir, data string) *Mount {
	t.Helper()
	config, err := json.Marshal(childConfig{o, dir, data})
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m := &Mount{Dir: dir, t: t, cmd: exec.Command(exe)}
	m.cmd.Env = append(os.Environ(), configEnv+"="+string(config))
	m.cmd.SysProcAttr = &syscall.SysProcAttr{}
	endWithParent(m.cmd.SysProcAttr)
	if o.UID != 0 {
		allowUser(t, o.UID, dir, data)
		m.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: o.UID, Gid: o.UID}
		m.cmd.Env = append(m.cmd.Env, "HOME="+data)
	}
	m.cmd.Stderr = os.Stderr
	childIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	m.cmd.Stdin, m.cmd.Stdout = childIn, childOut
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	childIn.Close()
	childOut.Close()
	m.in, m.out = in, bufio.NewScanner(out)
	m.out.Buffer(nil, 1<<23)
	t.Cleanup(func() {
		m.Stop()
		out.Close()
	})
	if !m.out.Scan() || m.out.Text() != "ready" {
		t.Fatalf("the mount process did not get ready: %q", m.out.Text())
	}
	return m
}

// allowUser lets an ordinary user reach and own dirs.
func allowUser(t testing.TB, uid uint32, dirs ...string) {
	t.Helper()
	for _, d := range dirs {
		if err := os.Chown(d, int(uid), int(uid)); err != nil {
			t.Fatal(err)
		}
		for p := filepath.Dir(d); p != "/"; p = filepath.Dir(p) {
			if st, err := os.Stat(p); err == nil && st.Mode()&0o011 != 0o011 {
				if err := os.Chmod(p, st.Mode()|0o011); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// Path joins elements below the mountpoint.
func (m *Mount) Path(elem ...string) string {
	return filepath.Join(append([]string{m.Dir}, elem...)...)
}

// Local gives the path at which the mount shows an absolute local path.
func (m *Mount) Local(path string) string { return m.Path("local", Device, path) }

// Device is the slug of the device that tests run on.
const Device = "this-device"

// Status asks the mount process how it fares.
func (m *Mount) Status() fs.Status {
	m.t.Helper()
	var st fs.Status
	m.ask("status", &st)
	return st
}

// Requests counts the FUSE requests that do makes, by operation, without FORGET and
// RELEASE, for which nobody waits, unless named in also.
func (m *Mount) Requests(do func(), also ...string) map[string]int64 {
	m.t.Helper()
	before := m.Status().Requests
	do()
	after := m.Status().Requests
	skip := map[string]bool{"FORGET": true, "RELEASE": true, "RELEASEDIR": true}
	for _, op := range also {
		skip[op] = false
	}
	diff := make(map[string]int64)
	for op, n := range after {
		if d := n - before[op]; d != 0 && !skip[op] {
			diff[op] = d
		}
	}
	return diff
}

func (m *Mount) ask(command string, answer any) {
	m.t.Helper()
	if _, err := fmt.Fprintln(m.in, command); err != nil {
		m.t.Fatal(err)
	}
	if !m.out.Scan() {
		m.t.Fatalf("the mount process ended: %v", m.out.Err())
	}
	if err := json.Unmarshal(m.out.Bytes(), answer); err != nil {
		m.t.Fatalf("%s: %v in %q", command, err, m.out.Text())
	}
}

// Pid is the process that serves the mount.
func (m *Mount) Pid() int { return m.cmd.Process.Pid }

// Kill ends the mount process with SIGKILL; the mount point stays behind, dead. The
// next StartAt there, or cleanup, takes it away.
func (m *Mount) Kill() {
	m.t.Helper()
	m.cmd.Process.Kill()
	m.cmd.Wait()
	m.in.Close()
	m.done = true
	m.t.Cleanup(func() { Detach(m.Dir) })
}

// Stop unmounts and waits for the process to end. Further calls do nothing.
func (m *Mount) Stop() {
	m.t.Helper()
	if m.done {
		return
	}
	m.done = true
	m.in.Close() // the process unmounts at the end of its input
	ended := make(chan error, 1)
	go func() { ended <- m.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			m.t.Errorf("the mount process: %v", err)
		}
	case <-time.After(time.Minute):
		m.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines tell why
		<-ended
		m.t.Error("the mount process did not end")
	}
	Detach(m.Dir)
}

// Eventually waits for a condition, looking again every few milliseconds, and fails
// the test if it does not come true within limit.
func Eventually(t testing.TB, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("within %v: %s", limit, what)
		}
	}
}

// AsUser runs a test of this binary again as an ordinary user. Root alone can do that.
func AsUser(t *testing.T, uid uint32, test string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("only root can become another user: run the tests as root, or that test directly")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	allowUser(t, uid, tmp)
	allowUser(t, 0, exe)
	cmd := exec.Command(exe, "-test.run", "^"+test+"$", "-test.v")
	cmd.Dir = tmp
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "HOME="+tmp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	endWithParent(cmd.SysProcAttr)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("as user %d: %v\n%s", uid, err, out)
	}
	t.Logf("as user %d:\n%s", uid, out)
}
