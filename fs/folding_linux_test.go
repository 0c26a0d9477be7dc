package fs_test

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/sdpath"
)

// driveMount is a mount of one volume in memory, called onedrive/d.
type driveMount struct {
	*testing.T
	*mounttest.Mount
	behind mounttest.Memory
}

func mountDrive(t *testing.T, kind string) *driveMount {
	t.Helper()
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{
		{Service: sdpath.OneDrive, Identifier: "d", Memory: kind},
	}})
	d := &driveMount{t, m, m.Memory("d")}
	if _, err := os.Stat(d.at("")); err != nil { // which opens it, and asks it nothing
		t.Fatal(err)
	}
	return d
}

func (d *driveMount) at(name string) string { return d.Path("onedrive", "d", name) }

func (d *driveMount) write(name, content string) {
	d.Helper()
	if err := os.WriteFile(d.at(name), []byte(content), 0o644); err != nil {
		d.Fatal(err)
	}
}

func (d *driveMount) wantFile(name, want string) {
	d.Helper()
	if got, err := os.ReadFile(d.at(name)); err != nil || string(got) != want {
		d.Errorf("%q reads %.60q, %v, want %.60q", name, got, err, want)
	}
}

// names lists a folder, sorted.
func (d *driveMount) names(dir string) []string {
	d.Helper()
	entries, err := os.ReadDir(d.at(dir))
	if err != nil {
		d.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}

func (d *driveMount) wantNames(dir string, want ...string) {
	d.Helper()
	slices.Sort(want)
	if got := d.names(dir); !slices.Equal(got, want) {
		d.Errorf("%q shows %q, want %q", dir, got, want)
	}
	stored := d.behind.Names(dir)
	slices.Sort(stored)
	if !slices.Equal(stored, want) {
		d.Errorf("the store has %q in %q, want %q", stored, dir, want)
	}
}

func (d *driveMount) ino(name string) uint64 {
	d.Helper()
	var st syscall.Stat_t
	if err := syscall.Lstat(d.at(name), &st); err != nil {
		d.Fatal(name, ": ", err)
	}
	return st.Ino
}

func (d *driveMount) wantErr(what string, err, want error) {
	d.Helper()
	if !errors.Is(err, want) {
		d.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func (d *driveMount) wantAbsent(names ...string) {
	d.Helper()
	for _, name := range names {
		if _, err := os.Lstat(d.at(name)); !errors.Is(err, os.ErrNotExist) {
			d.Errorf("%q: got %v, want it away", name, err)
		}
	}
}

// One file answers to its name in any case: one inode, one set of bytes.
func TestFoldOneFile(t *testing.T) {
	d := mountDrive(t, mounttest.Folding)
	d.behind.Put("Docs/Readme.txt", "as it was made")
	d.wantNames("", "Docs")
	d.wantFile("docs/README.TXT", "as it was made")
	d.wantFile("Docs/Readme.txt", "as it was made")
	d.wantNames("DOCS", "Readme.txt")
	for _, name := range []string{"DOCS/readme.txt", "docs/Readme.TXT", "Docs/README.txt"} {
		if d.ino(name) != d.ino("Docs/Readme.txt") {
			t.Errorf("%q is another inode", name)
		}
	}
	if d.ino("docs") != d.ino("DOCS") {
		t.Error("one folder has two inodes")
	}

	// What is written by one name is read by the other, also where that is open.
	f, err := os.Open(d.at("Docs/Readme.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := os.OpenFile(d.at("docs/README.TXT"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteAt([]byte("AS"), 0); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 5)
	if _, err := f.ReadAt(buf, 0); err != nil || string(buf) != "AS it" {
		t.Errorf("by the other name: %q, %v", buf, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	d.wantFile("DOCS/README.TXT", "AS it was made")
	d.wantNames("Docs", "Readme.txt")
	if got := d.behind.Content("Docs/Readme.txt"); got != "AS it was made" {
		t.Errorf("the store has %q", got)
	}
}

// What is made in another case is what is there, and nothing is doubled.
func TestFoldMaking(t *testing.T) {
	d := mountDrive(t, mounttest.Folding)
	d.wantAbsent("NOTE", "note", "Note") // the kernel must not keep that
	d.write("Note", "one")
	d.wantFile("note", "one")
	d.wantFile("NOTE", "one")
	d.write("NOTE", "two")
	d.wantFile("Note", "two")
	_, err := os.OpenFile(d.at("nOTE"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	d.wantErr("O_EXCL", err, os.ErrExist)
	d.wantNames("", "Note")

	if err := os.Mkdir(d.at("Dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	d.wantErr("mkdir", os.Mkdir(d.at("DIR"), 0o755), os.ErrExist)
	d.wantErr("mkdir over a file", os.Mkdir(d.at("NOTE"), 0o755), os.ErrExist)
	d.write("DIR/in", "x")
	d.wantFile("dir/IN", "x")
	d.wantNames("Dir", "in")
	d.wantErr("symlink", os.Symlink("t", d.at("dir/In")), os.ErrExist)

	// Composed and decomposed characters are one name.
	d.write("caf\u00e9", "nfc")
	d.wantFile("cafe\u0301", "nfc")
	d.write("CAFE\u0301", "nfd")
	d.wantFile("caf\u00e9", "nfd")
	d.wantNames("", "Note", "Dir", "caf\u00e9")

	if err := os.Remove(d.at("CAFÉ")); err != nil {
		t.Fatal(err)
	}
	d.wantAbsent("CAFÉ")
	mounttest.Eventually(t, 5*time.Second, "the other name goes too", func() bool {
		_, err := os.Lstat(d.at("caf\u00e9"))
		return errors.Is(err, os.ErrNotExist)
	})
	d.wantErr("rmdir", os.Remove(d.at("dIR")), syscall.ENOTEMPTY)
	if err := os.Remove(d.at("dir/IN")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(d.at("DIR")); err != nil {
		t.Fatal(err)
	}
	d.wantAbsent("DIR", "dir", "Dir")
	if err := os.Mkdir(d.at("dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	d.wantNames("", "Note", "dir")
	d.wantNames("dir")
}

// A rename from one case to another is one from a file to itself, which the kernel takes for
// done; over a third name it changes the name that is shown, and only that.
func TestFoldRenameOfCase(t *testing.T) {
	d := mountDrive(t, mounttest.Folding)
	d.write("file", "content")
	if err := os.MkdirAll(d.at("folder/in"), 0o755); err != nil {
		t.Fatal(err)
	}
	d.write("folder/in/deep", "below")
	rename := func(from, to string) {
		t.Helper()
		for _, step := range [][2]string{{from, "third"}, {"third", to}} {
			if err := os.Rename(d.at(step[0]), d.at(step[1])); err != nil {
				t.Fatal(step, err)
			}
			d.wantAbsent(step[0])
		}
	}
	if err := os.Rename(d.at("file"), d.at("FILE")); err != nil {
		t.Fatal(err)
	}
	d.wantNames("", "file", "folder")
	if out, err := exec.Command("mv", d.at("file"), d.at("FILE")).CombinedOutput(); err == nil || !strings.Contains(string(out), "are the same file") {
		t.Errorf("mv says %q, %v", out, err)
	}
	for _, tt := range [][2]string{{"file", "FILE"}, {"FILE", "File"}, {"fILE", "file"}} {
		rename(tt[0], tt[1])
		d.wantNames("", tt[1], "folder")
		d.wantFile("file", "content")
		d.wantFile(tt[1], "content")
	}
	open, err := os.OpenFile(d.at("folder/in/deep"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	rename("folder", "FOLDER")
	d.wantNames("", "file", "FOLDER")
	d.wantFile("FOLDER/in/deep", "below")
	d.wantFile("folder/IN/deep", "below")
	if _, err := open.WriteString("BELOW"); err != nil {
		t.Fatal(err)
	}
	if err := open.Sync(); err != nil {
		t.Fatal(err)
	}
	d.wantFile("Folder/in/DEEP", "BELOW")
	if got := d.behind.Content("FOLDER/in/deep"); got != "BELOW" {
		t.Errorf("the store has %q", got)
	}
	uri := make([]byte, 256)
	n, err := unix.Getxattr(d.at("folder/in/DEEP"), "user.sd.uri", uri)
	if want := "onedrive://d/FOLDER/in/deep"; err != nil || string(uri[:n]) != want {
		t.Errorf("uri %q, %v, want %q", uri[:n], err, want)
	}
}

// Renames over another case replace that file; a dirty file and a folder are renamed so too.
func TestFoldRenameOver(t *testing.T) {
	d := mountDrive(t, mounttest.Folding)
	d.write("Report", "old")
	d.wantFile("REPORT", "old")
	d.write("report.tmp", "new")
	if err := os.Rename(d.at("REPORT.tmp"), d.at("REPORT")); err != nil { // as editors save
		t.Fatal(err)
	}
	d.wantFile("report", "new")
	d.wantFile("Report", "new")
	if got := d.names(""); len(got) != 1 || !strings.EqualFold(got[0], "report") {
		t.Errorf("got %q, want one file", got)
	}
	f, err := os.Create(d.at("Dirty"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("not sent yet"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(d.at("DIRTY"), d.at("other")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(d.at("OTHER"), d.at("dirty")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	d.wantFile("DIRTY", "not sent yet")
	d.wantFile("dirty", "not sent yet")
	if err := unix.Renameat2(unix.AT_FDCWD, d.at("dirty"), unix.AT_FDCWD, d.at("rEPORT"), unix.RENAME_NOREPLACE); !errors.Is(err, os.ErrExist) {
		t.Errorf("NOREPLACE: %v, want %v", err, os.ErrExist)
	}
	if err := os.MkdirAll(d.at("Sub/Sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	d.wantErr("into itself", os.Rename(d.at("Sub"), d.at("SUB/sub/x")), syscall.EINVAL)
	if err := os.Rename(d.at("dirty"), d.at("SUB/SUB/moved")); err != nil {
		t.Fatal(err)
	}
	for _, step := range [][2]string{{"SUB/SUB/MOVED", "MOVED"}, {"moved", "sub/MOVED"}, {"SUB/moved", "SUB/Sub/moved"}} { // the new name is the old one, elsewhere
		if err := os.Rename(d.at(step[0]), d.at(step[1])); err != nil {
			t.Error(err)
		}
	}
	d.wantFile("sub/sub/MOVED", "not sent yet")
	d.wantNames("Sub/Sub", "moved")
	d.wantAbsent("dirty", "DIRTY")
}
