package fs_test

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/identity"
	"sd/internal/mounttest"
	"sd/library/catalog"
)

func TestContents(t *testing.T) {
	m, x := contentMount(t, mounttest.Options{Devices: []string{"Old Laptop"}})
	dir := t.TempDir()
	file := filepath.Join(dir, "a.txt")
	text := "some words\n"
	write(t, file, text)
	must(t, os.Chtimes(file, time.Time{}, time.Date(2020, 5, 17, 1, 2, 3, 4_000_000, time.UTC)))
	id := contentID(text)

	if got := names(t, m.Dir); !slices.Equal(got, []string{"content", "local"}) {
		t.Errorf("the root holds %q", got)
	}
	if got := names(t, m.Path("content")); len(got) != 0 {
		t.Errorf("content/ holds %q, want nothing", got)
	}
	_, err := os.ReadFile(m.Path("content", id))
	wantErrno(t, "an unknown id", err, unix.ENOENT)

	x.add(t, file, text) // while mounted
	for _, name := range []string{id, id + ".txt", id + ".tar.gz", id + ".", strings.ToUpper(id), strings.ToUpper(id) + ".TXT"} {
		got, err := os.ReadFile(m.Path("content", name))
		if err != nil || string(got) != text {
			t.Errorf("%s holds %q, %v, want %q", name, got, err, text)
		}
	}
	for _, name := range []string{id[:35], id + "x", strings.ReplaceAll(id, "-", ""), "{" + id + "}", id + "/", "00000000-0000-0000-0000-000000000000"} {
		_, err := os.ReadFile(m.Path("content") + "/" + name)
		wantErrno(t, name, err, unix.ENOENT, unix.ENOTDIR)
	}
	mounttest.Eventually(t, 10*time.Second, "content/ lists what was added", func() bool {
		return slices.Equal(names(t, m.Path("content")), []string{id})
	})

	st := lstat(t, m.Path("content", id))
	if st.Mode != unix.S_IFREG|0o444 || st.Size != int64(len(text)) || st.Nlink != 1 ||
		time.Unix(st.Mtim.Unix()).UTC() != time.Date(2020, 5, 17, 1, 2, 3, 4_000_000, time.UTC) {
		t.Errorf("attributes: mode %o, %d bytes, %d links, mtime %v", st.Mode, st.Size, st.Nlink, time.Unix(st.Mtim.Unix()))
	}
	if again := lstat(t, m.Path("content", id+".txt")); again.Ino != st.Ino {
		t.Errorf("with an extension it is inode %d, without %d", again.Ino, st.Ino)
	}
	wantNoChange(t, m.Path("content"), id)

	sum := sumOf(text).String()
	uri := "local://" + mounttest.Device + file
	for attr, want := range map[string]string{
		"user.sd.uri": "content://" + id, "user.sd.content_id": id, "user.sd.blake3": sum, "user.sd.locations": uri,
	} {
		if got := sdAttr(t, m.Path("content", id), attr); got != want {
			t.Errorf("%s of the content is %q, want %q", attr, got, want)
		}
	}
	for attr, want := range map[string]string{"user.sd.uri": uri, "user.sd.content_id": id, "user.sd.blake3": sum, "user.sd.locations": uri} {
		if got := sdAttr(t, m.Local(file), attr); got != want {
			t.Errorf("%s of the file is %q, want %q", attr, got, want)
		}
	}
	buf := make([]byte, 200)
	n, err := unix.Listxattr(m.Path("content", id), buf)
	if want := "user.sd.blake3\x00user.sd.content_id\x00user.sd.locations\x00user.sd.uri\x00"; err != nil || string(buf[:n]) != want {
		t.Errorf("listxattr of the content: %q, %v, want %q", buf[:max(n, 0)], err, want)
	}
	if n, err := unix.Listxattr(m.Local(file), buf); err != nil || strings.Contains(string(buf[:n]), "user.sd.") {
		t.Errorf("listxattr of the file: %q, %v, want nothing of sd", buf[:max(n, 0)], err)
	}

	// What it was is no more: the file has no identity, and the content no copy.
	write(t, file, "other words")
	for _, attr := range []string{"user.sd.content_id", "user.sd.blake3", "user.sd.locations"} {
		if got := sdAttr(t, m.Local(file), attr); got != "" {
			t.Errorf("%s of a changed file is %q, want none", attr, got)
		}
	}
	if got := lstat(t, m.Path("content", id)); got.Size != int64(len(text)) {
		t.Errorf("a content without a copy has %d bytes, want %d", got.Size, len(text))
	}
	_, err = os.ReadFile(m.Path("content", id))
	wantErrno(t, "a content without a copy", err, unix.EHOSTUNREACH)
	mounttest.Eventually(t, 10*time.Second, "the changed file is no copy any more", func() bool { return !x.proven(t, file) })
}

// wantNoChange fails the test unless every change of a file and its folder is EROFS.
func wantNoChange(t *testing.T, dir, name string) {
	t.Helper()
	path := filepath.Join(dir, name)
	other := filepath.Join(dir, "other")
	open := func(path string, flags int) error {
		f, err := os.OpenFile(path, flags, 0o600)
		if err == nil {
			f.Close()
		}
		return err
	}
	for what, err := range map[string]error{
		"write":      open(path, os.O_WRONLY),
		"read-write": open(path, os.O_RDWR),
		"append":     open(path, os.O_WRONLY|os.O_APPEND),
		"create":     open(other, os.O_CREATE|os.O_WRONLY),
		"truncate":   os.Truncate(path, 0),
		"chmod":      os.Chmod(path, 0o600),
		"chown":      os.Chown(path, 1, 1),
		"utimes":     os.Chtimes(path, time.Now(), time.Now()),
		"unlink":     unix.Unlink(path),
		"rename":     os.Rename(path, other),
		"mkdir":      os.Mkdir(other, 0o700),
		"symlink":    os.Symlink("x", other),
		"link":       os.Link(path, other),
		"mknod":      unix.Mknod(other, unix.S_IFIFO|0o600, 0),
		"setxattr":   unix.Setxattr(path, "user.x", []byte("1"), 0),
		"chmod dir":  os.Chmod(dir, 0o700),
		"access":     unix.Access(path, unix.W_OK),
	} {
		wantErrno(t, what, err, unix.EROFS)
	}
}

func TestContentsAreListedInPages(t *testing.T) {
	m, x := contentMount(t, mounttest.Options{})
	const many = 5500
	add := func(from, to int) {
		err := x.lib.Catalog().Update(t.Context(), func(tx *catalog.Tx) error {
			var folder catalog.FolderID
			var err error
			for i := from; err == nil && i < to; i++ {
				if folder, err = tx.MakePath(x.here, fmt.Sprint("nowhere/", i/20)); err != nil {
					break
				}
				f := catalog.File{Name: fmt.Sprint(i), Size: 1, ModTime: 1, Version: "v"}
				var sum identity.Sum
				sum[0], sum[1], sum[31] = byte(i), byte(i>>8), 1
				if err = tx.PutFile(folder, &f); err == nil {
					_, err = tx.Identify(folder, f.Name, f.FileVersion(), sum, 0, catalog.Read)
				}
			}
			return err
		})
		must(t, err)
	}
	add(0, many)
	f, err := os.Open(m.Path("content"))
	must(t, err)
	defer f.Close()
	seen := make(map[string]int)
	for first := true; ; first = false {
		list, err := f.Readdirnames(500)
		for _, name := range list {
			seen[name]++
		}
		if err == io.EOF {
			break
		}
		must(t, err)
		if first {
			add(many, many+1000) // between two pages
		}
	}
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%s was listed %d times", name, n)
		}
	}
	if len(seen) < many || len(seen) > many+1000 {
		t.Errorf("%d contents were listed, want between %d and %d", len(seen), many, many+1000)
	}
	mounttest.Eventually(t, 10*time.Second, "all are listed", func() bool { return len(names(t, m.Path("content"))) == many+1000 })
	// Copies that are not there: the attributes are.
	for name := range seen {
		if st := lstat(t, m.Path("content", name)); st.Size != 1 {
			t.Errorf("%s has %d bytes, want 1", name, st.Size)
		}
		_, err := os.ReadFile(m.Path("content", name))
		wantErrno(t, "a content whose file is gone", err, unix.EHOSTUNREACH)
		break
	}
}

func TestContentOfOneWhoMayNotLook(t *testing.T) {
	m, x := contentMount(t, mounttest.Options{AllowOther: true, Hits: map[string][]string{}})
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("a secret"), 0o600))
	x.add(t, secret, "a secret")
	for _, dir := range []string{"content", "search"} {
		if st := lstat(t, m.Path(dir)); st.Mode != unix.S_IFDIR|0o500 || int(st.Uid) != os.Getuid() {
			t.Errorf("%s/ has mode %o and owner %d: others may see in it what they may not see else", dir, st.Mode, st.Uid)
		}
	}
	if got, err := os.ReadFile(m.Path("content", contentID("a secret"))); err != nil || string(got) != "a secret" {
		t.Errorf("the mounting user reads %q, %v", got, err)
	}
}

func TestContentIsReadFromTheNextCopy(t *testing.T) {
	m, x := contentMount(t, mounttest.Options{})
	dir := t.TempDir()
	for name, size := range map[string]int{"small": 5000, "large": 3 << 20} {
		text := random(int64(size), size)
		copies := []string{filepath.Join(dir, name+"-1"), filepath.Join(dir, name+"-2"), filepath.Join(dir, name+"-3")}
		for _, c := range copies {
			write(t, c, text)
			x.add(t, c, text)
		}
		at := m.Path("content", contentID(text))
		if got, want := sdAttr(t, at, "user.sd.locations"), "local://"+mounttest.Device+strings.Join(copies, "\nlocal://"+mounttest.Device); got != want {
			t.Errorf("locations of the %s content: %q, want %q", name, got, want)
		}
		f, err := os.Open(at)
		must(t, err)
		half := make([]byte, size/2)
		_, err = io.ReadFull(f, half)
		must(t, err)
		write(t, copies[0], strings.Repeat("x", size)) // in place, while it is being read
		must(t, os.Remove(copies[1]))
		rest, err := io.ReadAll(f)
		f.Close()
		if got := string(half) + string(rest); err != nil || got != text {
			t.Errorf("the %s content reads %s, %v, want %s", name, brief(got), err, brief(text))
		}
	}
}

func TestContentOfWhatHasRotten(t *testing.T) {
	m, x := contentMount(t, mounttest.Options{})
	dir := t.TempDir()
	for name, size := range map[string]int{"small": 5000, "large": 3 << 20} {
		text := random(int64(size), size)
		rotten := filepath.Join(dir, name)
		bad := []byte(text)
		bad[size/2] ^= 1
		write(t, rotten, string(bad))
		x.add(t, rotten, text) // as if the disk had changed it since
		got, err := os.ReadFile(m.Path("content", contentID(text)))
		wantErrno(t, "reading rotten bytes", err, unix.EIO)
		if len(got) == size {
			t.Errorf("all of the %s content was given out", name)
		}
		mounttest.Eventually(t, 10*time.Second, "the rotten file is no copy any more", func() bool { return !x.proven(t, rotten) })
		rot, err := x.lib.RotOf(t.Context(), x.here, strings.Trim(rotten, "/"))
		if err != nil || rot.Expected != sumOf(text) || rot.Actual != sumOf(string(bad)) || rot.Size != int64(size) {
			t.Errorf("of the rotten %s file is noted %+v, %v", name, rot, err)
		}
		_, err = os.ReadFile(m.Path("content", contentID(text)))
		wantErrno(t, "reading again", err, unix.EHOSTUNREACH)
		good := filepath.Join(dir, name+"-good")
		write(t, good, text)
		x.add(t, good, text)
		if got, err := os.ReadFile(m.Path("content", contentID(text))); err != nil || string(got) != text {
			t.Errorf("the %s content of a good copy reads %s, %v", name, brief(string(got)), err)
		}
	}
}

func TestProbableCopiesAreNotServed(t *testing.T) {
	m, x := contentMount(t, mounttest.Options{})
	file := filepath.Join(t.TempDir(), "a")
	write(t, file, "words")
	x.add(t, file, "words")
	must(t, os.Chmod(file, 0o600))
	x.scan(t, file)
	if x.proven(t, file) {
		t.Fatal("a file is proven after its mode was changed")
	}
	_, err := os.ReadFile(m.Path("content", contentID("words")))
	wantErrno(t, "a probable copy", err, unix.EHOSTUNREACH)
	if got := sdAttr(t, m.Local(file), "user.sd.content_id"); got != "" {
		t.Errorf("a probable copy has the id %s", got)
	}
	// Links are not followed, whatever they lead to.
	link := filepath.Join(t.TempDir(), "b")
	write(t, link, "others")
	f := fileNow(t, link)
	target := filepath.Join(t.TempDir(), "c")
	must(t, os.Rename(link, target))
	must(t, os.Symlink(target, link))
	x.put(t, x.here, link, f, "others", catalog.Read)
	_, err = os.ReadFile(m.Path("content", contentID("others")))
	wantErrno(t, "a link in the place of a copy", err, unix.EHOSTUNREACH)
}

func TestContentIsReadOnce(t *testing.T) {
	m, x := contentMount(t, mounttest.Options{})
	text := random(7, 4<<20)
	file := filepath.Join(t.TempDir(), "a")
	write(t, file, text)
	x.add(t, file, text)
	at := m.Path("content", contentID(text))
	for i, want := range []bool{true, false} {
		got := m.Requests(func() {
			if b, err := os.ReadFile(at); err != nil || string(b) != text {
				t.Errorf("read %s, %v", brief(string(b)), err)
			}
		})
		if (got["READ"] > 0) != want {
			t.Errorf("reading for the %d. time made %d READs", i+1, got["READ"])
		}
		if got["READ"] > 16 {
			t.Errorf("reading 4 MiB made %d READs: they are too small", got["READ"])
		}
	}
	if got, err := os.ReadFile(filepath.Join(m.Path("content"), contentID(text)+".bin")); err != nil || string(got) != text {
		t.Errorf("by another name it reads %s, %v", brief(string(got)), err)
	}
	if _, err := os.Stat(m.Path("content", "nothing")); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("stat of nothing: %v", err)
	}
}
