package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// proxiedBucket is a volume "box" on an empty bucket, behind a proxy that can break it.
func (s *sandbox) proxiedBucket() (*testserver.Server, *netproxy.Faults) {
	s.t.Helper()
	server := testserver.Versitygw(s.t, "box")
	proxy, err := netproxy.NewFaults(server.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { proxy.Close() })
	s.addBucketAt(proxy.URL(), "box", "box")
	return server, proxy
}

// status is that of the one mount.
func (s *sandbox) status() *mountStatus {
	s.t.Helper()
	var mounts []*mountStatus
	s.decode(&mounts, "status")
	if len(mounts) != 1 {
		s.t.Fatalf("got %d mounts, want 1", len(mounts))
	}
	return mounts[0]
}

// wantObject compares an object at the server itself.
func wantObject(t *testing.T, server *testserver.Server, key, want string) {
	t.Helper()
	if got, err := server.ReadAll(t.Context(), "box", key); err != nil || string(got) != want {
		t.Errorf("object %s: got %q, %v, want %q", key, got, err, want)
	}
}

// TestNoPlaceToStage says what to do.
func TestNoPlaceToStage(t *testing.T) {
	s := newSandbox(t)
	mountpoint := filepath.Join(s.home, "mnt")
	s.cleanUp(mountpoint)
	s.run("mount", mountpoint, "--staging-dir", "/proc/nothing").want(t, 1, "", "--staging-dir, or mount with --read-only")
	if mountedType(mountpoint) != "" {
		t.Error("it is mounted all the same")
	}
	s.mount("--read-only", "--staging-dir", "/proc/nothing")
	s.must("umount").want(t, 0, "unmounted", "")
}

// TestWritesAreDurable: without options, close says the truth.
func TestWritesAreDurable(t *testing.T) {
	s := newSandbox(t)
	server, proxy := s.proxiedBucket()
	mountpoint, _ := s.mount()
	folder := filepath.Join(mountpoint, "s3", "box")
	writeFile(t, filepath.Join(folder, "a.txt"), "hello")
	wantObject(t, server, "a.txt", "hello")
	if u := s.status().Uploads; u == nil || u.Pending != 0 || u.MaxBytes == 0 {
		t.Errorf("got %+v, want nothing pending", u)
	}
	s.must("status").want(t, 0, "none pending", "")

	proxy.Script(netproxy.Rule{Op: "PUT", Fault: netproxy.Fault{Kind: netproxy.Status, Status: 403}})
	if err := os.WriteFile(filepath.Join(folder, "a.txt"), []byte("changed"), 0o644); !errors.Is(err, syscall.EACCES) {
		t.Errorf("a write that the provider forbids: %v, want EACCES", err)
	}
	wantObject(t, server, "a.txt", "hello")
	proxy.Script()
	s.must("umount").want(t, 0, "unmounted", "")
	wantObject(t, server, "a.txt", "changed") // what was written is kept and sent
}

// TestWriteBackOutlivesItsMount writes while the provider refuses, unmounts, and finds
// the file at the provider after the next mount.
func TestWriteBackOutlivesItsMount(t *testing.T) {
	s := newSandbox(t)
	server, proxy := s.proxiedBucket()
	mountpoint, pid := s.mount("--write-back", "--drain", "1s")
	file := filepath.Join(mountpoint, "s3", "box", "notes", "a b.txt")
	if err := os.Mkdir(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	proxy.Script(netproxy.Rule{Method: "PUT", Fault: netproxy.Fault{Kind: netproxy.Status, Status: 403}})
	writeFile(t, file, "written back")

	const uri = "s3://box/notes/a b.txt"
	var u *uploadsStatus
	eventually(t, "an attempt has failed", func() bool {
		u = s.status().Uploads
		return u.Failed == 1
	})
	f := u.Files[0]
	if u.Pending != 1 || u.PendingBytes != 12 || u.Oldest == nil || f.URI != uri || f.Size != 12 || f.State != "failed" || f.Attempts == 0 || f.Reason == "" {
		t.Errorf("got %+v", u)
	}
	s.must("status").want(t, 0, uri+"  12 B, since ", "")
	s.healthy().want(t, 0, "warn  uploads: "+mountpoint+": 1 file pending", "")

	r := s.run("umount", "--timeout", "1s")
	r.want(t, 1, "unmounted "+mountpoint, "the next 'sd mount' uploads them:\n  "+uri)
	r.want(t, 1, "", "waiting for uploads: 1 file pending (12 B)")
	s.waitUntilGone(pid)

	// The next mount shows it, and a server that is dead altogether keeps nobody.
	_, pid = s.mount()
	if got, err := os.ReadFile(file); err != nil || string(got) != "written back" {
		t.Errorf("in the next mount: got %q, %v", got, err)
	}
	proxy.Die()
	s.must("--json", "umount", "--now").want(t, 0, uri, "")
	s.waitUntilGone(pid)

	// SIGTERM waits no longer than --drain.
	_, pid = s.mount("--drain", "100ms")
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.waitUntilGone(pid)

	// A killed mount leaves it, too.
	_, pid = s.mount("--write-back")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.waitUntilGone(pid)

	proxy.Script()
	if err := proxy.Serve(); err != nil {
		t.Fatal(err)
	}
	s.mount()
	s.must("umount").want(t, 0, "unmounted", "")
	wantObject(t, server, "notes/a b.txt", "written back")
	if left, err := filepath.Glob(filepath.Join(s.home, ".local/share/sd/staging/*/*/*")); err != nil || len(left) > 1 {
		t.Errorf("staging still holds %q, %v", left, err)
	}
}

// TestRemountWhileDraining: a mount whose tree was taken away waits for its uploads, but
// not when a new one at the same place can do that as well.
func TestRemountWhileDraining(t *testing.T) {
	s := newSandbox(t)
	server, proxy := s.proxiedBucket()
	mountpoint, pid := s.mount("--write-back", "--drain", "10m")
	proxy.Script(netproxy.Rule{Op: "PUT", Fault: netproxy.Fault{Kind: netproxy.Status, Status: 403}})
	file := filepath.Join(mountpoint, "s3", "box", "a.txt")
	writeFile(t, file, "one")
	if err := syscall.Unmount(mountpoint, 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the tree is gone", func() bool { return mountedType(mountpoint) == "" })
	if u := s.status().Uploads; u.Pending != 1 || isGone(pid) {
		t.Errorf("without a tree the mount has %+v, want it to wait for one file", u)
	}
	_, again := s.mount()
	s.waitUntilGone(pid)
	if u := s.status().Uploads; u.Pending != 1 || again == pid {
		t.Errorf("the new mount has %+v, want the one file", u)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "one" {
		t.Errorf("in the new mount: got %q, %v", got, err)
	}
	proxy.Script()
	s.must("umount")
	wantObject(t, server, "a.txt", "one")
}

// TestInterruptedUmount leaves the mount as it was.
func TestInterruptedUmount(t *testing.T) {
	s := newSandbox(t)
	server, proxy := s.proxiedBucket()
	mountpoint, _ := s.mount("--write-back")
	folder := filepath.Join(mountpoint, "s3", "box")
	proxy.Script(netproxy.Rule{Op: "PUT", Fault: netproxy.Fault{Kind: netproxy.Status, Status: 403}})
	writeFile(t, filepath.Join(folder, "a.txt"), "one")

	var said bytes.Buffer
	umount := s.command("umount")
	stderr, err := umount.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := umount.Start(); err != nil {
		t.Fatal(err)
	}
	for text := make([]byte, 1000); !strings.Contains(said.String(), "waiting for uploads"); {
		n, err := stderr.Read(text)
		said.Write(text[:n])
		if err != nil {
			t.Fatalf("it did not wait: %v; it said %q", err, said.String())
		}
	}
	_ = umount.Process.Signal(os.Interrupt)
	_, _ = said.ReadFrom(stderr)
	if err := umount.Wait(); err == nil || !strings.Contains(said.String(), "stays mounted") {
		t.Errorf("got %v, and it said %q", err, said.String())
	}

	proxy.Script()
	writeFile(t, filepath.Join(folder, "b.txt"), "two")
	s.must("umount").want(t, 0, "unmounted", "")
	wantObject(t, server, "a.txt", "one")
	wantObject(t, server, "b.txt", "two")
}

// TestUmountWhileWriting is busy, and loses nothing.
func TestUmountWhileWriting(t *testing.T) {
	s := newSandbox(t)
	server, _ := s.proxiedBucket()
	mountpoint, _ := s.mount()
	f, err := os.Create(filepath.Join(mountpoint, "s3", "box", "a.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("half"); err != nil {
		t.Fatal(err)
	}
	s.run("umount").want(t, 1, "", "busy")
	if _, err := f.WriteString(" and whole"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s.must("umount")
	wantObject(t, server, "a.txt", "half and whole")
}

// TestRefresh sees at once what somebody else has changed.
func TestRefresh(t *testing.T) {
	s := newSandbox(t)
	server := testserver.Versitygw(t, "box")
	server.MustPut(t, "box", "notes/a.txt", "old")
	s.addBucket(server, "box", "box")
	mountpoint, _ := s.mount("--metadata-ttl", "1h")
	folder := filepath.Join(mountpoint, "s3", "box", "notes")
	look := func() (text string) {
		t.Helper()
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			content, err := os.ReadFile(filepath.Join(folder, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			text += e.Name() + "=" + string(content) + " "
		}
		return text
	}
	if got, want := look(), "a.txt=old "; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i, arg := range []string{"s3://box/notes", "s3://box", folder, mountpoint, filepath.Join(mountpoint, "s3")} {
		server.MustPut(t, "box", "notes/a.txt", arg, "notes/b.txt", strings.Repeat("x", i))
		s.must("refresh", arg)
		if got, want := look(), "a.txt="+arg+" b.txt="+strings.Repeat("x", i)+" "; got != want {
			t.Errorf("after refresh %s: got %q, want %q", arg, got, want)
		}
	}
	s.must("refresh", s.home)
	s.run("refresh", "s3://nope/x").want(t, 1, "", "sd volume add-cloud")
	s.must("umount")
	s.run("refresh", "s3://box").want(t, 1, "", "nothing is mounted")
}

// TestOddNamesOnBothSides: what ls prints of a volume is what the mount shows, and
// either's names lead to the same bytes.
func TestOddNamesOnBothSides(t *testing.T) {
	s := newSandbox(t)
	server := testserver.Gofakes3(t, "box")
	long := strings.Repeat("long", 80)
	server.MustPut(t, "box", "both", "file", "both-and", "between", "both/below", "x", "odd//double", "d", "odd/./dot", "e", "%%sign", "f", "l/"+long, "g")
	s.runWith("", []string{"AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=secret"}, "volume", "add-cloud", "box",
		"--service", "s3", "--bucket", "box", "--endpoint", server.URL).want(t, 0, "s3://box", "")
	mountpoint, _ := s.mount()
	root := filepath.Join(mountpoint, "s3", "box")

	var listed []listing
	s.decode(&listed, "ls", "-R", "s3://box")
	names := map[string]listing{}
	for _, l := range listed {
		names[l.Name] = l
	}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		if err != nil || rel == "." {
			return err
		}
		l, ok := names[rel]
		delete(names, rel)
		if !ok || (l.Kind == "folder") != d.IsDir() {
			t.Errorf("the mount shows %q, and sd ls %+v", rel, l)
			return nil
		}
		if d.IsDir() {
			return nil
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, name := range []string{path, l.URI} {
			if r := s.must("cat", name); r.out != string(want) {
				t.Errorf("sd cat %q: got %q, want %q", name, r.out, want)
			}
		}
		return nil
	})
	if err != nil || len(names) > 0 {
		t.Errorf("not in the mount: %v, %v", names, err)
	}
	s.run("cat", filepath.Join(root, "both")).want(t, 1, "", "is a folder")
	s.must("stat", filepath.Join(root, "both")).want(t, 0, "folder", "")
	s.must("path", filepath.Join(root, "odd", "%%", "double")).want(t, 0, "s3://box/odd//double\n", "")
	s.run("path", filepath.Join(root, "%%nothing")+"%9").want(t, 1, "", "not an escaped name")
	s.must("umount")
}

// TestStatTellsWhatIsCarried shows what a copy through the mount has kept.
func TestStatTellsWhatIsCarried(t *testing.T) {
	s := newSandbox(t)
	_, _ = s.proxiedBucket()
	mountpoint, _ := s.mount()
	source, copied := filepath.Join(s.home, "a.sh"), filepath.Join(mountpoint, "s3", "box", "a.sh")
	writeFile(t, source, "#!/bin/sh\n")
	if out, err := exec.Command("sh", "-c", "chmod 750 "+source+" && touch -d '2001-02-03 04:05:06 UTC' "+source+" && cp -p "+source+" "+copied).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Symlink("a.sh", filepath.Join(filepath.Dir(copied), "link")); err != nil {
		t.Fatal(err)
	}
	s.must("umount")
	var d []description
	s.decode(&d, "stat", "s3://box/a.sh", "s3://box/link")
	if d[0].Mode != "-rwxr-x---" || d[0].Modified == nil || d[0].Modified.Unix() != 981173106 || len(d[0].Checksums["blake3"]) != 64 {
		t.Errorf("got %+v", d[0])
	}
	if d[1].Kind != "link" || d[1].Link != "a.sh" {
		t.Errorf("got %+v, want a link to a.sh", d[1])
	}
	s.must("stat", "s3://box/a.sh").want(t, 0, "mode      -rwxr-x---", "")
}
