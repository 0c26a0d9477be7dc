package fs_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"sd/internal/mounttest"
	"sd/internal/services"
)

// countRequests counts what a service is asked: no request a file in ls -l, none at all the second
// time, and for a small file no more than its row says.
func countRequests(t *testing.T, s services.Service, note noting) {
	const files = 1000
	x := newSite(t, s, mounttest.Options{MetadataTTL: time.Hour}, services.Patient)
	x.fill(t, "d", files)
	counted := func(row string, most int, do func()) {
		t.Helper()
		x.Faults.Forget()
		do()
		got := x.Faults.Count()
		if got > most {
			t.Errorf("%s: %d requests, want at most %d", row, got, most)
		}
		note(row, fmt.Sprint(got))
	}
	list := func() {
		out, err := exec.Command("ls", "-l", x.at("d")).CombinedOutput()
		if n := bytes.Count(out, []byte(".txt\n")); err != nil || n != files {
			t.Errorf("ls -l shows %d files, %v: %s", n, err, brief(string(out)))
		}
	}
	counted("ls -l of 1,000 files", 8, list)
	counted("ls -l again", 0, list)
	counted("10 small files", 10*max(1, s.Reads), func() {
		for i := range 10 {
			read(t, x.at(fmt.Sprintf("d/%04d.txt", i*97)))
		}
	})
	counted("a name that is not there", 0, func() {
		if _, err := os.Lstat(x.at("d/none")); err == nil {
			t.Error("it exists")
		}
	})
}
