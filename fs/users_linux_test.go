package fs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
)

// run runs a command as a user and gives what it printed.
func run(t *testing.T, uid uint32, dir, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// shared gives a directory that an ordinary user may use through a mount made by root.
func shared(t *testing.T) (m *mounttest.Mount, behind, shown string) {
	t.Helper()
	m = mounttest.Start(t, mounttest.Options{AllowOther: true})
	behind, shown = localDir(t, m)
	for p := behind; p != "/"; p = filepath.Dir(p) {
		if st := lstat(t, p); st.Mode&0o011 != 0o011 {
			if err := os.Chmod(p, 0o711); err != nil {
				t.Fatal(err)
			}
		}
	}
	for p := m.Dir; p != "/"; p = filepath.Dir(p) {
		if st := lstat(t, p); st.Mode&0o011 != 0o011 {
			if err := os.Chmod(p, 0o711); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := unix.Chmod(behind, 0o1777); err != nil {
		t.Fatal(err)
	}
	return m, behind, shown
}

func TestOtherUsers(t *testing.T) {
	_, behind, shown := shared(t)
	write(t, filepath.Join(behind, "secret"), "root's")
	os.Chmod(filepath.Join(behind, "secret"), 0o600)
	if out, err := run(t, nobody, "/", "cat", filepath.Join(shown, "secret")); err == nil {
		t.Errorf("another user read a file of mode 0600: %q", out)
	}
	if out, err := run(t, nobody, "/", "rm", "-f", filepath.Join(shown, "secret")); err == nil {
		t.Errorf("another user removed root's file from a sticky directory: %q", out)
	}
	if out, err := run(t, nobody, "/", "sh", "-c", "umask 027; echo mine > "+shown+"/mine; mkdir "+shown+"/dir; ln -s x "+shown+"/sym"); err != nil {
		t.Fatalf("another user cannot create: %v %s", err, out)
	}
	for name, mode := range map[string]uint32{"mine": 0o640, "dir": 0o750, "sym": 0o777} {
		st := lstat(t, filepath.Join(behind, name))
		if st.Uid != nobody || st.Gid != nobody || st.Mode&0o7777 != mode {
			t.Errorf("%s belongs to %d:%d, mode %o; want %d:%d, %o", name, st.Uid, st.Gid, st.Mode&0o7777, nobody, nobody, mode)
		}
	}

	// A set-group-ID directory hands its group on.
	if err := os.Mkdir(filepath.Join(behind, "setgid"), 0o777); err != nil {
		t.Fatal(err)
	}
	unix.Chown(filepath.Join(behind, "setgid"), 0, 12)
	unix.Chmod(filepath.Join(behind, "setgid"), 0o2777)
	if out, err := run(t, nobody, "/", "touch", filepath.Join(shown, "setgid/f")); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if st := lstat(t, filepath.Join(behind, "setgid/f")); st.Uid != nobody || st.Gid != 12 {
		t.Errorf("in a set-group-ID directory: owner %d:%d, want %d:12", st.Uid, st.Gid, nobody)
	}
}

func TestWritesByOthersClearSetID(t *testing.T) {
	_, behind, shown := shared(t)
	for i, cmd := range []string{"echo x >> %s", "echo x > %s", "truncate -s 1 %s"} {
		path := filepath.Join(behind, fmt.Sprint("f", i))
		write(t, path, "abc")
		os.Chmod(path, 0o777)
		unix.Chmod(path, 0o6777)
		view := filepath.Join(shown, filepath.Base(path))
		lstat(t, view)
		if out, err := run(t, nobody, "/", "sh", "-c", fmt.Sprintf(cmd, view)); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, p := range []string{path, view} {
			if got := lstat(t, p).Mode & 0o7777; got != 0o777 {
				t.Errorf("after %q: mode %o of %s, want 777", cmd, got, p)
			}
		}
	}
	path := filepath.Join(behind, "root")
	write(t, path, "abc")
	unix.Chmod(path, 0o6777)
	if out, err := run(t, 0, "/", "sh", "-c", "echo x >> "+filepath.Join(shown, "root")); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := lstat(t, path).Mode & 0o7777; got != 0o6777 {
		t.Errorf("a write by root left mode %o, want 6777", got)
	}
}

func TestSetIDGivenWhileAnotherUserWrites(t *testing.T) {
	_, behind, shown := shared(t)
	path := filepath.Join(behind, "f")
	write(t, path, "x")
	must(t, os.Chmod(path, 0o777))
	writer := exec.Command("sh", "-c", "exec 9>>"+filepath.Join(shown, "f")+"; echo open; read _; echo y >&9; read _")
	writer.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	in, err := writer.StdinPipe()
	must(t, err)
	out, err := writer.StdoutPipe()
	must(t, err)
	must(t, writer.Start())
	defer func() { in.Close(); writer.Wait() }()
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	must(t, unix.Chmod(path, 0o6777)) // behind the mount, where nobody tells us
	if got := lstat(t, path).Mode & 0o7777; got != 0o6777 {
		t.Fatalf("after chmod: %o", got)
	}
	_, err = in.Write([]byte("\n"))
	must(t, err)
	mounttest.Eventually(t, 2*time.Second, "his write takes the set-id bits away", func() bool { return lstat(t, path).Mode&0o7777 == 0o777 })
}

func TestAccessControlLists(t *testing.T) {
	_, behind, shown := shared(t)
	path := filepath.Join(behind, "f")
	write(t, path, "listed")
	os.Chmod(path, 0o600)
	view := filepath.Join(shown, "f")
	if out, err := run(t, 0, "/", "setfacl", "-m", fmt.Sprintf("u:%d:r", nobody), view); err != nil {
		t.Fatalf("setfacl: %v %s", err, out)
	}
	if out, err := run(t, nobody, "/", "cat", view); err != nil || out != "listed" {
		t.Errorf("a user on the list reads %q, %v", out, err)
	}
	// The mode now shows the mask as the group's bits; the group itself has none.
	if out, err := run(t, 12, "/", "cat", view); err == nil {
		t.Errorf("a user not on the list reads %q", out)
	}
	dir := filepath.Join(behind, "d")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, 0, "/", "setfacl", "-d", "-m", "g::rwx", dir); err != nil {
		t.Fatalf("setfacl -d: %v %s", err, out)
	}
	if out, err := run(t, 0, "/", "sh", "-c", "umask 077; touch "+filepath.Join(shown, "d/f")+" "+filepath.Join(behind, "d/g")); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if got, want := lstat(t, filepath.Join(dir, "f")).Mode, lstat(t, filepath.Join(dir, "g")).Mode; got != want {
		t.Errorf("below a default ACL the mode is %o, want %o as on the bare file system", got, want)
	}
}
