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

// What was read once is on the disk, outlives the mount, and is read by the kernel
// without a request to anybody.
func TestDiskCacheIsReadByTheKernel(t *testing.T) {
	c := newCloud(t, mounttest.Options{DiskCache: 64 << 20, MetadataTTL: time.Minute}, testserver.Versitygw)
	content := strings.Repeat("0123456789abcdef", 3<<16)
	c.overwrite(t, "f", content)
	if got := read(t, c.at("f")); got != content {
		t.Fatalf("read %s", brief(got))
	}
	var got string
	mounttest.Eventually(t, 20*time.Second, "a new mount reads from the disk", func() bool {
		c.remount(t)
		lstat(t, c.at("f"))
		var asked map[string]int
		local := c.m.Requests(func() { asked = c.counted(func() { got = read(t, c.at("f")) }) })
		return local["READ"] == 0 && len(asked) == 0
	})
	if got != content {
		t.Fatalf("from the disk: %s", brief(got))
	}

	// A writer beside a reader who is served so, and then both anew.
	r := open(t, c.at("f"))
	w, err := os.OpenFile(c.at("f"), os.O_WRONLY, 0)
	must(t, err)
	_, err = w.WriteAt([]byte("WRITTEN"), 5)
	must(t, err)
	must(t, w.Close())
	want := content[:5] + "WRITTEN" + content[12:]
	c.wantStored(t, "f", want)
	buf := make([]byte, len(content))
	if n, err := unix.Pread(int(r.Fd()), buf, 0); err != nil || string(buf[:n]) != content && string(buf[:n]) != want {
		t.Errorf("the reader that was there before has %s, %v: neither version", brief(string(buf[:max(n, 0)])), err)
	}
	r.Close()
	mounttest.Eventually(t, 10*time.Second, "a new reader sees what was written", func() bool { return read(t, c.at("f")) == want })

	c.overwrite(t, "f", "theirs")
	must(t, c.m.Refresh("s3/bucket"))
	mounttest.Eventually(t, 10*time.Second, "another version is not served from the disk", func() bool { return read(t, c.at("f")) == "theirs" })
}
