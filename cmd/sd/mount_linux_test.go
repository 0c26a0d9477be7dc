package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sd/internal/testserver"
)

// mount mounts at a new folder and sees to it that nothing is left at the end.
func (s *sandbox) mount(flags ...string) (mountpoint string, pid int) {
	s.t.Helper()
	mountpoint = filepath.Join(s.home, "mnt")
	s.cleanUp(mountpoint)
	var m struct {
		Mountpoint, Log string
		PID             int
	}
	s.decode(&m, append([]string{"mount", mountpoint}, flags...)...)
	if m.Mountpoint != mountpoint || m.PID == 0 || m.Log == "" {
		s.t.Fatalf("got %+v", m)
	}
	s.t.Cleanup(func() {
		log, err := os.ReadFile(m.Log)
		if err != nil || strings.Contains(string(log), "DATA RACE") || strings.Contains(string(log), "panic") {
			s.t.Errorf("the mount's log: %v", err)
		}
		if s.t.Failed() {
			s.t.Logf("the mount's log:\n%s", log)
		}
	})
	return mountpoint, m.PID
}

// cleanUp takes mountpoint away at the end of the test, if it is still there.
func (s *sandbox) cleanUp(mountpoint string) {
	s.t.Cleanup(func() {
		if mountedType(mountpoint) != "" {
			_ = detach(mountpoint)
		}
	})
	s.t.Cleanup(func() { s.run("umount", "--lazy", mountpoint) })
}

func isGone(pid int) bool {
	state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(state), ") Z ")
}

func (s *sandbox) waitUntilGone(pid int) {
	s.t.Helper()
	eventually(s.t, "process "+strconv.Itoa(pid)+" ends", func() bool { return isGone(pid) })
}

func TestMountAndUmount(t *testing.T) {
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	file := filepath.Join(s.home, "docs", "a.txt")
	writeFile(t, file, "hello")
	mountpoint, pid := s.mount()

	through := mountpoint + "/local/laptop" + file
	if got, err := os.ReadFile(through); err != nil || string(got) != "hello" {
		t.Errorf("through the mount: got %q, %v", got, err)
	}
	s.must("path", "local://laptop"+file).want(t, 0, through+"\n", "")
	s.must("path", through).want(t, 0, "local://laptop"+file+"\n", "")
	s.must("cat", through).want(t, 0, "hello", "")
	s.run("path", mountpoint+"/local").want(t, 1, "", "no URI")
	s.must("ls", mountpoint).want(t, 0, "local/\n", "")
	link := filepath.Join(s.home, "link")
	if err := os.Symlink(through, link); err != nil {
		t.Fatal(err)
	}
	s.must("path", link).want(t, 0, "local://laptop"+file+"\n", "")

	var mounts []mountStatus
	s.decode(&mounts, "status")
	if len(mounts) != 1 || mounts[0].Mountpoint != mountpoint || mounts[0].PID != pid || mounts[0].Kernel == nil || mounts[0].Cache.MaxBytes == 0 {
		t.Errorf("got %+v", mounts)
	}
	s.must("status").want(t, 0, mountpoint+"  library default", "")
	s.healthy().want(t, 0, mountpoint+" answers in", "")

	s.run("mount", mountpoint).want(t, 1, "", "mounted already, by sd with pid "+strconv.Itoa(pid))
	s.run("mount", filepath.Dir(file)).want(t, 1, "", "not empty (it has a.txt)")
	s.run("mount", file).want(t, 1, "", "not a folder")

	s.must("umount").want(t, 0, "unmounted "+mountpoint, "")
	if !isGone(pid) {
		t.Errorf("process %d is still there after umount", pid)
	}
	if names, err := os.ReadDir(mountpoint); err != nil || len(names) != 0 {
		t.Errorf("after umount the folder has %v, %v", names, err)
	}
	s.must("status").want(t, 0, "nothing is mounted", "")
	s.run("umount", mountpoint).want(t, 1, "", "not mounted")
}

func TestBusyMount(t *testing.T) {
	s := newSandbox(t)
	mountpoint, pid := s.mount()
	holder := exec.Command("sleep", "1000")
	holder.Dir = filepath.Join(mountpoint, "local")
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	}()
	s.run("umount", mountpoint).want(t, 1, "", "sleep (pid "+strconv.Itoa(holder.Process.Pid)+"): working directory")
	if mountedType(mountpoint) == "" {
		t.Error("a busy mount was unmounted")
	}
	s.must("umount", "--lazy", mountpoint).want(t, 0, "unmounted", "")
	if mountedType(mountpoint) != "" {
		t.Error("after umount --lazy it is still in the tree")
	}
	_ = holder.Process.Kill()
	_ = holder.Wait()
	s.waitUntilGone(pid)
}

// TestForeignUmount lets somebody else unmount, and goes on at once.
func TestForeignUmount(t *testing.T) {
	s := newSandbox(t)
	for range 3 {
		mountpoint, pid := s.mount()
		if err := syscall.Unmount(mountpoint, 0); err != nil {
			t.Fatal(err)
		}
		_, again := s.mount()
		if again == pid {
			t.Errorf("pid %d mounted twice", pid)
		}
		if err := syscall.Unmount(mountpoint, 0); err != nil {
			t.Fatal(err)
		}
		if r := s.run("umount", mountpoint); r.code != 0 && !strings.Contains(r.err, "is not mounted") {
			r.want(t, 0, "unmounted", "")
		}
		s.waitUntilGone(again)
	}
}

// TestDeadMount kills the server and heals what it leaves.
func TestDeadMount(t *testing.T) {
	s := newSandbox(t)
	mountpoint, pid := s.mount()
	kill := func() {
		t.Helper()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		s.waitUntilGone(pid)
		eventually(t, "the mount is dead", func() bool { return isDead(mountpoint) })
	}
	kill()
	s.run("doctor").want(t, 1, mountpoint+" is a dead mount", "")
	s.must("status").want(t, 0, "nothing is mounted", "")
	_, pid = s.mount()
	if _, err := os.ReadDir(filepath.Join(mountpoint, "local")); err != nil {
		t.Errorf("after healing: %v", err)
	}
	kill()
	s.must("umount", mountpoint).want(t, 0, "removed the dead mount", "")
	if mountedType(mountpoint) != "" {
		t.Error("the dead mount is still there")
	}
}

func TestTermination(t *testing.T) {
	s := newSandbox(t)
	file := filepath.Join(s.home, "a.txt")
	writeFile(t, file, "hello")
	term := func(pid int) {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
	var slug []deviceRow
	s.decode(&slug, "device", "list")

	t.Run("idle", func(t *testing.T) {
		s := s.in(t)
		mountpoint, pid := s.mount()
		term(pid)
		s.waitUntilGone(pid)
		if mountedType(mountpoint) != "" {
			t.Error("still mounted")
		}
	})
	t.Run("file open", func(t *testing.T) {
		s := s.in(t)
		mountpoint, pid := s.mount()
		f, err := os.Open(mountpoint + "/local/" + slug[0].Slug + file)
		if err != nil {
			t.Fatal(err)
		}
		term(pid)
		eventually(t, "it is out of the tree", func() bool { return mountedType(mountpoint) == "" })
		if _, err := f.Read(make([]byte, 5)); err != nil {
			t.Errorf("reading on: %v", err)
		}
		f.Close()
		s.waitUntilGone(pid)
	})
	t.Run("file open, asked twice", func(t *testing.T) {
		s := s.in(t)
		mountpoint, pid := s.mount()
		f, err := os.Open(mountpoint + "/local/" + slug[0].Slug + file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		term(pid)
		eventually(t, "it is out of the tree", func() bool { return mountedType(mountpoint) == "" })
		term(pid)
		s.waitUntilGone(pid)
	})
}

// wantReadOnly tries to change the user's own files below local/laptop of a mount.
func (s *sandbox) wantReadOnly(mountpoint string) {
	s.t.Helper()
	file := filepath.Join(s.home, "docs", "file")
	writeFile(s.t, file, "hello")
	shown := filepath.Join(mountpoint, "local", "laptop", file)
	if got, err := os.ReadFile(shown); err != nil || string(got) != "hello" {
		s.t.Errorf("reading: got %q, %v", got, err)
	}
	for what, err := range map[string]error{
		"create":        os.WriteFile(shown+".new", nil, 0o644),
		"write":         os.WriteFile(shown, []byte("x"), 0o644),
		"append":        appendTo(shown),
		"mkdir":         os.Mkdir(shown+".new", 0o755),
		"remove":        os.Remove(shown),
		"remove folder": syscall.Rmdir(filepath.Dir(shown)),
		"rename":        os.Rename(shown, shown+".new"),
		"link":          os.Link(shown, shown+".new"),
		"symlink":       os.Symlink("x", shown+".new"),
		"chmod":         os.Chmod(shown, 0o600),
		"touch":         os.Chtimes(shown, time.Time{}, time.Unix(1, 0)),
		"truncate":      os.Truncate(shown, 0),
		"setxattr":      syscall.Setxattr(shown, "user.x", []byte("y"), 0),
	} {
		if !errors.Is(err, syscall.EROFS) {
			s.t.Errorf("%s: got %v, want EROFS", what, err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "hello" {
		s.t.Errorf("afterwards the file has %q, %v", got, err)
	}
}

func appendTo(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		f.Close()
	}
	return err
}

// TestForeground stays, logs to stderr, and tells systemd when it is ready.
func TestForeground(t *testing.T) {
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	mountpoint := filepath.Join(s.home, "mnt")
	s.cleanUp(mountpoint)
	name := filepath.Join(strings.TrimPrefix(s.env[2], "SD_RUNTIME_DIR="), "notify")
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()

	done := make(chan result)
	cmd := s.command("mount", "-f", "--read-only", mountpoint)
	go func() { done <- finish(t, cmd, "", []string{"NOTIFY_SOCKET=" + name}) }()
	message := make([]byte, 100)
	n, err := notify.Read(message)
	if err != nil || !strings.Contains(string(message[:n]), "READY=1") {
		t.Errorf("got %q, %v", message[:n], err)
	}
	s.wantReadOnly(mountpoint)
	s.must("umount", mountpoint)
	(<-done).want(t, 0, "", "msg=mounted")
}

// TestMountedVolume sees a bucket that is added while the tree is mounted.
func TestMountedVolume(t *testing.T) {
	server := testserver.Versitygw(t, "photos")
	server.MustPut(t, "photos", "2024/a b.jpg", "a picture")
	s := newSandbox(t)
	mountpoint, pid := s.mount("-v", "--uid", "1234", "--gid", "4321", "--umask", "027")
	s.addBucket(server, "pics", "photos")

	file := filepath.Join(mountpoint, "s3", "photos", "2024", "a b.jpg")
	if got, err := os.ReadFile(file); err != nil || string(got) != "a picture" {
		t.Errorf("got %q, %v", got, err)
	}
	for name, want := range map[string]uint32{
		file: syscall.S_IFREG | 0o640, filepath.Dir(file): syscall.S_IFDIR | 0o750, filepath.Join(mountpoint, "s3"): syscall.S_IFDIR | 0o550,
	} {
		var st syscall.Stat_t
		if err := syscall.Stat(name, &st); err != nil || st.Mode != want || st.Uid != 1234 || st.Gid != 4321 {
			t.Errorf("%s: mode %o, owner %d:%d, %v; want %o, 1234:4321", name, st.Mode, st.Uid, st.Gid, err, want)
		}
	}
	s.must("path", file).want(t, 0, "s3://photos/2024/a b.jpg\n", "")
	s.must("path", "s3://photos/2024/a b.jpg").want(t, 0, file+"\n", "")
	s.must("cat", file).want(t, 0, "a picture", "")
	s.must("stat", file).want(t, 0, "s3://photos/2024/a b.jpg", "")
	s.must("ls", filepath.Join(mountpoint, "s3")).want(t, 0, "photos/\n", "")

	var mounts []mountStatus
	s.decode(&mounts, "status")
	v := mounts[0].Volumes[0]
	if v.URI != "s3://photos" || v.State != "online" || v.BytesIn == 0 || len(v.Requests) == 0 {
		t.Errorf("got %+v", v)
	}
	s.must("status").want(t, 0, "s3://photos  online", "")

	log, err := os.ReadFile(mounts[0].Log)
	if err != nil || strings.Contains(string(log), testserver.SecretKey) {
		t.Errorf("the log holds the secret, or: %v", err)
	}
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil || strings.Contains(string(line), testserver.SecretKey) {
		t.Errorf("the command line holds the secret, or: %v", err)
	}

	s.must("volume", "remove-cloud", "pics")
	eventually(t, "the folder is gone", func() bool {
		_, err := os.Stat(filepath.Join(mountpoint, "s3", "photos"))
		return errors.Is(err, os.ErrNotExist)
	})
	s.must("umount")
}

// TestMountHelper calls mount.sd as mount(8) does.
func TestMountHelper(t *testing.T) {
	s := newSandbox(t)
	mountpoint, data := filepath.Join(s.home, "mnt"), t.TempDir()
	s.must("--data-dir", data, "device", "rename", "laptop")
	s.cleanUp(mountpoint)
	helper := func(args ...string) result {
		script, err := filepath.Abs("../../scripts/mount.sd")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", append([]string{script}, args...)...)
		cmd.Env, cmd.Dir = s.env, s.home
		return finish(t, cmd, "", nil)
	}
	helper().want(t, 1, "", "usage")
	helper("none", mountpoint, "-o", "rw,sparkling").want(t, 1, "", "unknown option sparkling")
	helper("none", mountpoint, "-o", "umask=9").want(t, 32, "", "octal")
	helper("none", mountpoint, "-o", "library=nope").want(t, 32, "", `no library "nope"`)
	helper("none", mountpoint, "-f", "-o", "ro").want(t, 0, "", "")
	if mountedType(mountpoint) != "" {
		t.Error("-f mounted")
	}
	helper("none", mountpoint, "-v", "-o", "ro,noauto,user,_netdev,x-systemd.automount,nofail,umask=077,cache-size=64M,data-dir="+data).want(t, 0, "", "")
	if mountedType(mountpoint) != "fuse.sd" {
		t.Error("not mounted")
	}
	s.wantReadOnly(mountpoint)
	var mounts []mountStatus
	s.decode(&mounts, "status")
	if len(mounts) != 1 || mounts[0].DataDir != data || !mounts[0].ReadOnly || mounts[0].Cache.MaxBytes != 64<<20 {
		t.Errorf("got %+v", mounts)
	}
	s.must("umount")

	helper("none", mountpoint, "-o", "write-back,staging-size=64M,staging_dir="+data+"/st,disk_cache_size=64M,cache-dir="+data+"/c,drain=5s,metrics=0,data-dir="+data).want(t, 0, "", "")
	if st := s.status(); st.Uploads.MaxBytes != 64<<20 || st.Cache.Disk.MaxBytes != 64<<20 || st.Metrics == "" {
		t.Errorf("got %+v, %+v, %+v", st.mountInfo, st.Uploads, st.Cache.Disk)
	}
	s.must("umount")
}
