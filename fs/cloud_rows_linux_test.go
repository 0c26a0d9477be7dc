package fs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/testserver"
)

// Names on a volume: what makes, moves and removes them, and what the server has then.
func TestNamesOnAVolume(t *testing.T) {
	c := newCloud(t, mounttest.Options{MetadataTTL: 40 * time.Millisecond}, testserver.Versitygw)
	has := func(key string) bool { _, ok := c.stored(t, key); return ok }
	for name, test := range map[string]func(t *testing.T, dir, key string){
		"O_EXCL": func(t *testing.T, dir, key string) {
			write(t, dir+"/f", "there")
			_, err := os.OpenFile(dir+"/f", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
			wantErrno(t, "O_EXCL of what is there", err, unix.EEXIST)
			f, err := os.OpenFile(dir+"/g", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
			must(t, err)
			must(t, closed(f, "new"))
			c.wantStored(t, key+"/g", "new")
		},
		"an empty file": func(t *testing.T, dir, key string) {
			write(t, dir+"/f", "")
			c.wantStored(t, key+"/f", "")
		},
		"RENAME_NOREPLACE": func(t *testing.T, dir, key string) {
			write(t, dir+"/a", "a")
			write(t, dir+"/b", "b")
			wantErrno(t, "over a file", noReplace(dir+"/a", dir+"/b"), unix.EEXIST)
			wantErrno(t, "to a new name", noReplace(dir+"/a", dir+"/c"), nil)
			c.wantStored(t, key+"/b", "b")
			c.wantStored(t, key+"/c", "a")
			c.wantAbsent(t, key+"/a")
		},
		"RENAME_NOREPLACE and an object made behind the mount": func(t *testing.T, dir, key string) {
			write(t, dir+"/a", "a")
			names(t, dir) // a complete listing, which says that there is no b
			c.overwrite(t, key+"/b", "theirs")
			wantErrno(t, "over what the mount has not seen", noReplace(dir+"/a", dir+"/b"), unix.EEXIST)
			c.wantStored(t, key+"/b", "theirs")
			c.wantStored(t, key+"/a", "a")
		},
		"RENAME_EXCHANGE": func(t *testing.T, dir, key string) {
			write(t, dir+"/a", "a")
			write(t, dir+"/b", "b")
			err := unix.Renameat2(unix.AT_FDCWD, dir+"/a", unix.AT_FDCWD, dir+"/b", unix.RENAME_EXCHANGE)
			wantErrno(t, "exchange", err, unix.ENOTSUP)
			c.wantStored(t, key+"/a", "a")
			c.wantStored(t, key+"/b", "b")
		},
		"rename of files": func(t *testing.T, dir, key string) {
			must(t, os.Mkdir(dir+"/d", 0o755))
			write(t, dir+"/a", "a")
			write(t, dir+"/d/b", "b")
			must(t, os.Rename(dir+"/a", dir+"/d/b"))
			c.wantStored(t, key+"/d/b", "a")
			c.wantAbsent(t, key+"/a")
			wantErrno(t, "a file over a folder", os.Rename(dir+"/d/b", dir+"/d"), unix.ENOTEMPTY, unix.EISDIR, unix.EINVAL, unix.EEXIST)
			wantErrno(t, "of nothing", os.Rename(dir+"/no", dir+"/d/b"), unix.ENOENT)
			must(t, os.Rename(dir+"/d/b", dir+"/d/b"))
			c.wantStored(t, key+"/d/b", "a")
		},
		"rename of folders": func(t *testing.T, dir, key string) {
			must(t, os.MkdirAll(dir+"/a/sub/empty", 0o755))
			write(t, dir+"/a/f", "f")
			write(t, dir+"/a/sub/g", "g")
			must(t, os.Rename(dir+"/a", dir+"/b"))
			c.wantStored(t, key+"/b/sub/g", "g")
			if got := c.keys(t, key+"/a"); len(got) != 0 || !has(key+"/b/sub/empty/") {
				t.Errorf("the old folder holds %q; the empty one came along: %v", got, has(key+"/b/sub/empty/"))
			}
			wantErrno(t, "into itself", unix.Rename(dir+"/b", dir+"/b/c"), unix.EINVAL)
			must(t, os.Mkdir(dir+"/full", 0o755))
			write(t, dir+"/full/x", "x")
			wantErrno(t, "over a folder that is not empty", os.Rename(dir+"/b", dir+"/full"), unix.ENOTEMPTY, unix.EEXIST)
			wantErrno(t, "over a file", unix.Rename(dir+"/b", dir+"/full/x"), unix.ENOTDIR)
			must(t, os.Mkdir(dir+"/empty", 0o755))
			must(t, unix.Rename(dir+"/b", dir+"/empty"))
			c.wantStored(t, key+"/empty/f", "f")
			if got := read(t, dir+"/empty/sub/g"); got != "g" {
				t.Errorf("below the renamed folder: %q", got)
			}
		},
		"a folder renamed with open files": func(t *testing.T, dir, key string) {
			must(t, os.Mkdir(dir+"/a", 0o755))
			write(t, dir+"/a/old", "old")
			f := edit(t, dir+"/a/old", "OLD")
			g, err := os.Create(dir + "/a/new")
			must(t, err)
			must(t, os.Rename(dir+"/a", dir+"/b"))
			must(t, f.Close())
			must(t, closed(g, "new"))
			c.wantStored(t, key+"/b/old", "OLD")
			c.wantStored(t, key+"/b/new", "new")
			if got := c.keys(t, key+"/a"); len(got) != 0 {
				t.Errorf("the old folder holds %q", got)
			}
		},
		"across volumes and to local": func(t *testing.T, dir, key string) {
			write(t, dir+"/a", "a")
			_, local := localDir(t, c.m)
			wantErrno(t, "to local", os.Rename(dir+"/a", local+"/a"), unix.EXDEV)
			write(t, local+"/b", "b")
			wantErrno(t, "from local", os.Rename(local+"/b", dir+"/b"), unix.EXDEV)
			wantErrno(t, "a hard link", os.Link(dir+"/a", dir+"/link"), unix.ENOTSUP, unix.EPERM)
			if out, err := run(t, 0, "/", "mv", dir+"/a", local+"/b", local+"/.."); err != nil {
				t.Errorf("mv: %v %s", err, out)
			}
			c.wantAbsent(t, key+"/a")
		},
		"folders": func(t *testing.T, dir, key string) {
			must(t, os.Mkdir(dir+"/d", 0o755))
			if !has(key + "/d/") {
				t.Error("mkdir leaves nothing at the server")
			}
			wantErrno(t, "mkdir again", os.Mkdir(dir+"/d", 0o755), unix.EEXIST)
			write(t, dir+"/d/f", "f")
			wantErrno(t, "rmdir of a folder with a file", unix.Rmdir(dir+"/d"), unix.ENOTEMPTY)
			wantErrno(t, "unlink of a folder", unix.Unlink(dir+"/d"), unix.EISDIR, unix.EPERM)
			wantErrno(t, "rmdir of a file", unix.Rmdir(dir+"/d/f"), unix.ENOTDIR)
			must(t, os.Remove(dir+"/d/f"))
			must(t, unix.Rmdir(dir+"/d"))
			if got := c.server.Keys(t, c.name, key+"/d"); len(got) != 0 {
				t.Errorf("rmdir leaves %q", got)
			}
			wantErrno(t, "rmdir again", unix.Rmdir(dir+"/d"), unix.ENOENT)
		},
		"rmdir and an object made behind the mount": func(t *testing.T, dir, key string) {
			must(t, os.Mkdir(dir+"/d", 0o755))
			names(t, dir+"/d")
			c.overwrite(t, key+"/d/theirs", "theirs")
			wantErrno(t, "rmdir", unix.Rmdir(dir+"/d"), unix.ENOTEMPTY)
			c.wantStored(t, key+"/d/theirs", "theirs")
		},
		"a folder without a marker stays when its last file goes": func(t *testing.T, dir, key string) {
			c.overwrite(t, key+"/bare/only", "x")
			mounttest.Eventually(t, 5*time.Second, "it is seen", func() bool { _, err := os.Stat(dir + "/bare/only"); return err == nil })
			must(t, os.Remove(dir+"/bare/only"))
			for range 3 {
				if st := lstat(t, dir+"/bare"); st.Mode&unix.S_IFMT != unix.S_IFDIR {
					t.Errorf("it is no folder: %o", st.Mode)
				}
				must(t, c.m.Refresh("s3/bucket"))
			}
			must(t, unix.Rmdir(dir+"/bare"))
		},
		"unlink while open": func(t *testing.T, dir, key string) {
			write(t, dir+"/f", strings.Repeat("content", 1000))
			f := edit(t, dir+"/f", "CONTENT")
			must(t, os.Remove(dir+"/f"))
			c.wantAbsent(t, key+"/f")
			if _, err := f.WriteAt([]byte("more"), 7000); err != nil {
				t.Errorf("writing on: %v", err)
			}
			b := make([]byte, 8000)
			if n, _ := f.ReadAt(b, 0); string(b[:7]) != "CONTENT" || n != 7004 {
				t.Errorf("reading on: %d bytes, %q", n, b[:7])
			}
			wantErrno(t, "fsync of what has no name", f.Sync(), nil)
			write(t, dir+"/f", "another")
			must(t, f.Close())
			c.wantStored(t, key+"/f", "another")
		},
		"unlink of an object that is read": func(t *testing.T, dir, key string) {
			content := strings.Repeat("0123456789abcde\n", 200000)
			write(t, dir+"/f", content)
			f := open(t, dir+"/f")
			must(t, os.Remove(dir+"/f"))
			if b, err := os.ReadFile(procFd(f)); err == nil && string(b) != content {
				t.Errorf("an unlinked file reads %d other bytes", len(b))
			} else if err != nil {
				wantErrno(t, "reading on", err, unix.ESTALE, unix.ENOENT)
			}
		},
		"read while it is written": func(t *testing.T, dir, key string) {
			f, err := os.Create(dir + "/f")
			must(t, err)
			defer f.Close()
			for range 5 {
				_, err = f.WriteString("line\n")
				must(t, err)
			}
			if got := read(t, dir+"/f"); got != strings.Repeat("line\n", 5) || lstat(t, dir+"/f").Size != 25 {
				t.Errorf("another handle reads %q of %d bytes", got, lstat(t, dir+"/f").Size)
			}
			if list := names(t, dir); len(list) != 1 || list[0] != "f" {
				t.Errorf("the folder lists %q", list)
			}
		},
		"sparse files and offsets over 4 GiB": func(t *testing.T, dir, key string) {
			f, err := os.Create(dir + "/f")
			must(t, err)
			must(t, f.Truncate(30<<20))
			_, err = f.WriteAt([]byte("end"), 30<<20)
			must(t, err)
			must(t, f.Close())
			got, _ := c.stored(t, key+"/f")
			if len(got) != 30<<20+3 || strings.Trim(got[:30<<20], "\x00") != "" || got[30<<20:] != "end" {
				t.Errorf("a sparse file became %s", brief(got))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			key := strings.ReplaceAll(name, " ", "-")
			must(t, os.Mkdir(c.at(key), 0o755))
			test(t, c.at(key), key)
		})
	}
	c.drain(t)
}

// procFd names an open file that may have lost its name.
func procFd(f *os.File) string { return filepath.Join("/proc/self/fd", itoa(f.Fd())) }

// What a mount that is read-only, or has no room, says.
func TestVolumeOfAReadOnlyMount(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	b.put(t, 10, "f")
	m := mounttest.Start(t, mounttest.Options{ReadOnly: true, Volumes: []mounttest.Volume{b.volume()}})
	for what, err := range map[string]error{
		"create": os.WriteFile(m.Path("s3/bucket/new"), nil, 0o644), "write": os.WriteFile(m.Path("s3/bucket/f"), nil, 0o644),
		"mkdir": os.Mkdir(m.Path("s3/bucket/d"), 0o755), "unlink": unix.Unlink(m.Path("s3/bucket/f")),
		"rename": unix.Rename(m.Path("s3/bucket/f"), m.Path("s3/bucket/g")), "chmod": os.Chmod(m.Path("s3/bucket/f"), 0o600),
	} {
		wantErrno(t, what, err, unix.EROFS)
	}
}

// A file larger than the staging folder may be ends with ENOSPC, and nothing else does.
func TestFullStaging(t *testing.T) {
	c := newCloud(t, mounttest.Options{StagingBytes: 16 << 20, StagingStall: 300 * time.Millisecond}, testserver.Versitygw)
	c.overwrite(t, "f", "old")
	f, err := os.OpenFile(c.at("f"), os.O_WRONLY|os.O_TRUNC, 0)
	must(t, err)
	block := []byte(strings.Repeat("x", 1<<20))
	for range 24 {
		if _, err = f.Write(block); err != nil {
			break
		}
	}
	closing := f.Close()
	if err == nil {
		err = closing
	}
	if err == nil { // what was uploaded while it was written need not stay here
		c.wantStored(t, "f", strings.Repeat("x", 24<<20))
	} else {
		wantErrno(t, "24 MiB through 16 MiB of staging", err, unix.ENOSPC)
	}
	for i := range 20 {
		name := itoa(uintptr(i))
		must(t, os.WriteFile(c.at(name), block, 0o644))
		if i%7 == 0 {
			c.wantStored(t, name, string(block))
		}
	}
	must(t, os.WriteFile(c.at("f"), []byte("again"), 0o644))
	c.drain(t)
	c.wantStored(t, "f", "again")
	c.noLitter(t, "")
}
