package fs_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
)

// Documents, of which listings tell no size, are whole to whoever looks: ls asks for none of
// them, and each is asked for once.
func TestDocuments(t *testing.T) {
	d := mountDrive(t, mounttest.Drive)
	contents := map[string]string{}
	for i := range 5 {
		name := fmt.Sprintf("docs/doc%d", i)
		contents[name] = strings.Repeat(fmt.Sprint("document ", i, "\n"), 1000*(i+1))
		d.behind.Document(name, contents[name])
	}
	d.behind.Put("docs/file", "plain")
	asked := func(do func()) int64 {
		before := d.behind.Requests()["HEAD"]
		do()
		return d.behind.Requests()["HEAD"] - before
	}
	if got := asked(func() {
		if names := d.names("docs"); len(names) != 6 {
			t.Errorf("got %q", names)
		}
		out, err := exec.Command("find", d.at("docs"), "-type", "f").CombinedOutput()
		if err != nil || bytes.Count(out, []byte("\n")) != 6 {
			t.Errorf("find: %v\n%s", err, out)
		}
	}); got > 1 { // the folder itself
		t.Errorf("a plain listing asked for %d sizes", got)
	}
	if got := asked(func() {
		out, err := exec.Command("ls", "-l", d.at("docs")).CombinedOutput()
		if err != nil {
			t.Fatalf("ls: %v\n%s", err, out)
		}
		for _, content := range contents {
			if !strings.Contains(string(out), fmt.Sprintf(" %d ", len(content))) || !strings.Contains(string(out), "-r--r--r--") {
				t.Errorf("no file of %d bytes in\n%s", len(content), out)
			}
		}
	}); got != 5 {
		t.Errorf("ls -l asked %d times, want once for each document", got)
	}
	for name, content := range contents {
		d.wantFile(name, content)
	}
	if got := asked(func() { d.names("docs"); os.Stat(d.at("docs/doc1")); d.wantFile("docs/doc2", contents["docs/doc2"]) }); got != 0 {
		t.Errorf("asked %d times again", got)
	}

	to := t.TempDir()
	if out, err := exec.Command("cp", "-a", d.at("docs"), to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	if out, err := exec.Command("tar", "-C", d.at(""), "-cf", to+"/t.tar", "docs").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	if out, err := exec.Command("tar", "-C", to, "--transform", "s/^docs/untarred/", "-xf", to+"/t.tar").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	if _, err := exec.LookPath("rsync"); err == nil {
		if out, err := exec.Command("rsync", "-a", d.at("docs")+"/", to+"/rsynced").CombinedOutput(); err != nil {
			t.Fatalf("rsync: %v\n%s", err, out)
		}
		checkCopies(t, to+"/rsynced/", contents)
	}
	checkCopies(t, to+"/docs/", contents)
	checkCopies(t, to+"/untarred/", contents)
}

func checkCopies(t *testing.T, dir string, contents map[string]string) {
	t.Helper()
	for name, content := range contents {
		if got, err := os.ReadFile(dir + strings.TrimPrefix(name, "docs/")); err != nil || string(got) != content {
			t.Errorf("%s%s: %d bytes, %v, want %d", dir, name, len(got), err, len(content))
		}
	}
}

// Nobody can write a document, and everybody who tries is told so at once. It can be removed
// and renamed.
func TestDocumentsCannotBeWritten(t *testing.T) {
	d := mountDrive(t, mounttest.Drive)
	d.behind.Document("doc", "content")
	for _, flags := range []int{os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_CREATE} {
		f, err := os.OpenFile(d.at("doc"), flags, 0o644)
		d.wantErr(fmt.Sprintf("open %#x", flags), err, syscall.EACCES)
		f.Close()
	}
	d.wantErr("truncate", os.Truncate(d.at("doc"), 0), syscall.EACCES)
	d.wantErr("chmod", os.Chmod(d.at("doc"), 0o644), syscall.EACCES)
	d.wantErr("setxattr", unix.Setxattr(d.at("doc"), "user.a", []byte("b"), 0), syscall.EACCES)
	d.wantFile("doc", "content")
	open, err := os.Open(d.at("doc"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := os.Rename(d.at("doc"), d.at("renamed")); err != nil {
		t.Fatal(err)
	}
	d.wantFile("renamed", "content")
	d.wantAbsent("doc")
	if err := os.Remove(d.at("renamed")); err != nil {
		t.Fatal(err)
	}
	d.wantNames("")
	if got, err := io.ReadAll(open); err != nil || string(got) != "content" {
		t.Errorf("who has it open reads %q, %v", got, err)
	}
	d.write("doc", "now a file")
	d.wantFile("doc", "now a file")
}
