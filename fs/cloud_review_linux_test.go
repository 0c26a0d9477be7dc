package fs_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/testserver"
)

// What is written is not dropped in silence because somebody has read a byte of a
// version that is no more.
func TestReadOfAnOutdatedFileKeepsWhatWasWritten(t *testing.T) {
	c := newCloud(t, mounttest.Options{MetadataTTL: 40 * time.Millisecond}, testserver.Versitygw)
	large := strings.Repeat("a line of a large file\n", 2_000_000)
	c.overwrite(t, "f", large)
	f, err := os.OpenFile(c.at("f"), os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte("OURS"), 0)
	must(t, err)
	c.overwrite(t, "f", "theirs")
	if _, err := f.ReadAt(make([]byte, 4096), 40_000_000); err != nil {
		t.Logf("read: %v", err)
	}
	if err := f.Close(); err == nil {
		t.Errorf("close: success, and the keys are %q", c.keys(t, "f"))
	}
}

// A handle that has written and synced keeps writing after somebody else has put
// another version there and somebody has seen that.
func TestOvertakenHandleTells(t *testing.T) {
	for _, wb := range []bool{false, true} {
		c := newCloud(t, mounttest.Options{MetadataTTL: 40 * time.Millisecond, WriteBack: wb}, testserver.Versitygw)
		c.overwrite(t, "f", "base")
		f := edit(t, c.at("f"), "ours")
		must(t, f.Sync())
		c.overwrite(t, "f", "theirs")
		c.wantShown(t, "f", "theirs")
		_, err := f.WriteAt([]byte("more"), 0)
		t.Logf("write: %v", err)
		errSync := f.Sync()
		errClose := f.Close()
		if err == nil && errSync == nil && errClose == nil {
			t.Errorf("write-back %v: write, fsync and close say yes; keys %q", wb, c.keys(t, "f"))
		}
	}
}

// After a conflict, further writes through the handle do not vanish in silence.
func TestWriteAfterAConflictTells(t *testing.T) {
	c := newCloud(t, mounttest.Options{MetadataTTL: 40 * time.Millisecond}, testserver.Versitygw)
	c.overwrite(t, "f", "base")
	f := edit(t, c.at("f"), "OURS")
	c.overwrite(t, "f", "theirs")
	wantErrno(t, "fsync", f.Sync(), unix.ESTALE)
	_, err := f.WriteAt([]byte("more"), 0)
	errSync, errClose := f.Sync(), f.Close()
	if err == nil && errSync == nil && errClose == nil {
		t.Errorf("write, fsync and close say yes; keys %q", c.keys(t, "f"))
	}
}

// A file that replaced another and goes on to a third name leaves nothing behind.
func TestRenamedTwiceBeforeItsUpload(t *testing.T) {
	c := newCloud(t, mounttest.Options{MetadataTTL: 40 * time.Millisecond}, testserver.Versitygw)
	must(t, os.WriteFile(c.at("b"), []byte("old"), 0o644))
	f, err := os.Create(c.at("a"))
	must(t, err)
	_, err = f.WriteString("new")
	must(t, err)
	must(t, os.Rename(c.at("a"), c.at("b")))
	must(t, os.Rename(c.at("b"), c.at("c")))
	must(t, f.Close())
	c.wantStored(t, "c", "new")
	if got, ok := c.stored(t, "b"); ok {
		t.Errorf("b has %q, which was replaced", got)
	}
}
