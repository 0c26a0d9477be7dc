package fs_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
)

// locker is another process that locks files when told to.
type locker struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

const lockerEnv = "SD_TEST_LOCKER"

// TestLocker is not a test but the locker's own main.
func TestLocker(t *testing.T) {
	if os.Getenv(lockerEnv) == "" {
		return
	}
	files := map[string]*os.File{}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var what, path string
		fmt.Sscan(in.Text(), &what, &path)
		if files[path] == nil {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			files[path] = f
		}
		answer := doLock(files[path], what)
		if what == "close" {
			files[path].Close()
			delete(files, path)
		}
		fmt.Println("->", answer)
	}
	os.Exit(0)
}

func doLock(f *os.File, what string) error {
	fd := int(f.Fd())
	switch what {
	case "flock":
		return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	case "fcntl":
		return unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Len: 10})
	case "wait":
		return unix.FcntlFlock(uintptr(fd), unix.F_SETLKW, &unix.Flock_t{Type: unix.F_WRLCK, Len: 10})
	case "child": // one that has the handle too, and outlives us
		cmd := exec.Command("sleep", "60")
		cmd.ExtraFiles = []*os.File{f}
		if err := cmd.Start(); err != nil {
			return err
		}
		return errors.New(strconv.Itoa(cmd.Process.Pid))
	case "unlock":
		unix.Flock(fd, unix.LOCK_UN)
		return unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &unix.Flock_t{Type: unix.F_UNLCK})
	}
	return nil
}

func startLocker(t *testing.T) *locker {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	l := &locker{t: t, cmd: exec.Command(exe, "-test.run=^TestLocker$")}
	l.cmd.Env = append(os.Environ(), lockerEnv+"=1")
	in, err := l.cmd.StdinPipe()
	must(t, err)
	out, err := l.cmd.StdoutPipe()
	must(t, err)
	l.in, l.out = in, bufio.NewScanner(out)
	must(t, l.cmd.Start())
	t.Cleanup(func() { in.Close(); l.cmd.Wait() })
	return l
}

// do has the locker do something and gives what came of it, "<nil>" for success.
func (l *locker) do(what, path string) string {
	l.t.Helper()
	l.tell(what, path)
	return l.answer()
}

func (l *locker) tell(what, path string) { fmt.Fprintln(l.in, what, path) }

func (l *locker) answer() string {
	l.t.Helper()
	if !l.out.Scan() {
		l.t.Fatal("the locking process ended")
	}
	return strings.TrimPrefix(l.out.Text(), "-> ")
}

// locks checks that a lock taken on one side of the mount is seen on the other and
// by other processes on the same side, and goes with close.
func locks(t *testing.T, kind string) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	write(t, filepath.Join(behind, "f"), "content to lock")
	a, b := startLocker(t), startLocker(t)
	sides := []string{filepath.Join(shown, "f"), filepath.Join(behind, "f")}
	for _, first := range sides {
		for _, second := range sides {
			for _, release := range []string{"unlock", "close"} {
				mounttest.Eventually(t, time.Second, "the file can be locked", func() bool { return a.do(kind, first) == "<nil>" })
				if got := b.do(kind, second); got != unix.EAGAIN.Error() {
					t.Errorf("%s on %s while %s is locked: %s, want EAGAIN", kind, second, first, got)
				}
				a.do(release, first)
				// The kernel tells the mount of a close, but does not wait.
				mounttest.Eventually(t, time.Second, "the lock is free after "+release, func() bool { return b.do(kind, second) == "<nil>" })
				b.do("close", second)
			}
		}
	}
}

func TestFlock(t *testing.T)       { locks(t, "flock") }
func TestRecordLocks(t *testing.T) { locks(t, "fcntl") }

func TestFlockAsUser(t *testing.T)       { mounttest.AsUser(t, nobody, "TestFlock") }
func TestRecordLocksAsUser(t *testing.T) { mounttest.AsUser(t, nobody, "TestRecordLocks") }

func TestWaitingForALock(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	write(t, filepath.Join(behind, "f"), "x")
	path := filepath.Join(shown, "f")
	a, b := startLocker(t), startLocker(t)
	if got := a.do("fcntl", path); got != "<nil>" {
		t.Fatal(got)
	}
	b.tell("wait", path)
	if got := a.do("unlock", path); got != "<nil>" {
		t.Fatal(got)
	}
	if got := b.answer(); got != "<nil>" {
		t.Errorf("waiting for a lock: %s", got)
	}

	// F_GETLK names the process in the way.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	must(t, unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lk))
	if lk.Type != unix.F_WRLCK || int(lk.Pid) != b.cmd.Process.Pid || lk.Start != 0 || lk.Len != 10 {
		t.Errorf("F_GETLK: %+v, want a write lock on bytes 0-9 by %d", lk, b.cmd.Process.Pid)
	}

	// A process that dies while it waits, or while it holds, leaves nothing behind.
	a.tell("wait", path)
	a.cmd.Process.Kill()
	b.cmd.Process.Kill()
	b.cmd.Wait()
	mounttest.Eventually(t, 5*time.Second, "the locks of dead processes are gone", func() bool {
		return unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}) == nil
	})
}

// POSIX frees the locks of a process at its end, though a child has the handle still.
func TestLocksOfADeadParent(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	write(t, filepath.Join(behind, "f"), "x")
	path := filepath.Join(shown, "f")
	a, b := startLocker(t), startLocker(t)
	if got := a.do("fcntl", path); got != "<nil>" {
		t.Fatal(got)
	}
	child, err := strconv.Atoi(a.do("child", path))
	must(t, err)
	defer unix.Kill(child, unix.SIGKILL)
	if got := b.do("fcntl", path); got != unix.EAGAIN.Error() {
		t.Errorf("while it lives: %s, want EAGAIN", got)
	}
	a.cmd.Process.Kill()
	a.cmd.Wait()
	mounttest.Eventually(t, 5*time.Second, "the lock of the dead parent is free", func() bool { return b.do("fcntl", path) == "<nil>" })
}
