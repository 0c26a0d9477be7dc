package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestOrdinaryUser mounts without being root, at the default place. Root's half of
// the machine stays shut to it.
func TestOrdinaryUser(t *testing.T) {
	s := newSandbox(t)
	if os.Getuid() == 0 {
		s = unprivileged(t)
	}
	mountpoint := filepath.Join(s.home, "sd")
	s.cleanUp(mountpoint)
	writeFile(t, filepath.Join(s.home, "a.txt"), "mine")

	s.must("mount").want(t, 0, "mounted at "+mountpoint, "")
	s.must("device", "rename", "laptop")
	s.must("cat", mountpoint+"/local/laptop"+s.home+"/a.txt").want(t, 0, "mine", "")
	s.must("status").want(t, 0, "served by the process", "")
	s.healthy().want(t, 0, "/usr/bin/fusermount3", "")
	s.run("cat", mountpoint+"/local/laptop/etc/shadow").want(t, 1, "", "permission denied")
	s.must("umount").want(t, 0, "unmounted "+mountpoint, "")
}

// unprivileged is a sandbox of the user nobody.
func unprivileged(t *testing.T) *sandbox {
	t.Helper()
	if info, err := os.Stat("/dev/fuse"); err != nil {
		t.Fatal(err)
	} else if info.Mode().Perm()&0o006 != 0o006 {
		t.Fatalf("/dev/fuse has mode %v, so only root can mount: run scripts/install-deps.sh test", info.Mode())
	}
	const nobody = 65534
	s := newSandbox(t)
	home, err := os.MkdirTemp("", "sdu")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	s.home = home
	run := filepath.Join(home, "run")
	if err := os.Mkdir(run, 0o700); err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "HOME="+home, "SD_RUNTIME_DIR="+run)
	for _, dir := range []string{home, run} {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Dir(binary), 0o755); err != nil {
		t.Fatal(err)
	}
	s.credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	return s
}
