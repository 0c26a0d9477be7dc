package fs_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"sd/internal/mounttest"
	"sd/internal/services"
)

// serviceFaults are what can befall a service as a whole, and what a program may then get.
var serviceFaults = []struct {
	name string
	do   func(services.Faults) bool
	want []error
}{
	{"refused", func(f services.Faults) bool { return f.Refuse() == nil }, offline},
	{"dead", func(f services.Faults) bool { f.Die(); return true }, offline},
	{"cut", func(f services.Faults) bool { f.Cut(100); return true }, maybe(broken)},
	{"busy", services.Faults.Busy, offline},
}

// endureFaults has a service refuse, hang, break replies and be overloaded while a file is opened,
// in the middle of a read, and at the close of a written one. Each gives the errno that is
// promised, in time; no bytes are wrong, and all goes on when it has passed.
func endureFaults(t *testing.T, s services.Service, note noting) {
	impatient := services.Limits{Patience: 2 * time.Second, Stall: time.Second, ProbeEvery: 20 * time.Millisecond}
	x := newSite(t, s, mounttest.Options{
		MetadataTTL: 50 * time.Millisecond, RetryMin: 20 * time.Millisecond, RetryMax: 100 * time.Millisecond, RenameSettle: 100 * time.Millisecond,
	}, impatient)
	long := strings.Repeat("0123456789abcde\n", (4<<20)/16)
	for _, f := range serviceFaults {
		x.overwrite(t, f.name+"/small", smallFile)
		x.overwrite(t, f.name+"/long", long)
		x.overwrite(t, f.name+"/old", "old")
	}
	for _, f := range serviceFaults {
		t.Run(f.name, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					note(f.name, "FAILED")
				}
			}()
			x.endure(t, f.name, f.do, f.want, func(row string, err error) { note(f.name+", "+row, outcome(err)) }, long)
		})
	}
	x.drain(t)
}

var smallFile = "a small file, long enough to be cut: " + strings.Repeat("x", 1000)

// endure reads and writes in a folder while spoil is in force, and after it.
func (x *site) endure(t *testing.T, folder string, spoil func(services.Faults) bool, want []error, note func(row string, err error), long string) {
	dir := x.at(folder)
	mounttest.Eventually(t, 20*time.Second, "the folder is there", func() bool {
		_, err := os.Lstat(dir + "/small")
		return err == nil
	})
	lstat(t, dir+"/small")
	reading := open(t, dir+"/long")
	head := make([]byte, 1000)
	_, err := reading.ReadAt(head, 0)
	must(t, err)
	writing, err := os.OpenFile(dir+"/old", os.O_WRONLY|os.O_TRUNC, 0)
	must(t, err)
	_, err = writing.WriteString("new and longer")
	must(t, err)
	fresh, err := os.Create(dir + "/new")
	must(t, err)
	_, err = fresh.WriteString("fresh")
	must(t, err)

	if !spoil(x.Faults) {
		writing.Close()
		fresh.Close()
		return
	}
	defer x.Faults.Pass()
	err = within(t, deadline, "open and read", func() error {
		b, err := os.ReadFile(dir + "/small")
		if err == nil && string(b) != smallFile {
			t.Errorf("read %s", brief(string(b)))
		}
		return err
	})
	note("open and read", err)
	wantErrno(t, "open and read", err, want...)
	err = within(t, deadline, "read on", func() error {
		b := make([]byte, 1000)
		n, err := reading.ReadAt(b, 3<<20)
		if string(b[:n]) != long[3<<20:3<<20+n] {
			t.Errorf("in mid file: read %s", brief(string(b[:n])))
		}
		return err
	})
	note("read on", err)
	wantErrno(t, "read on", err, maybe(want)...) // it may have been read ahead
	err = within(t, deadline, "close", writing.Close)
	note("close", err)
	wantErrno(t, "close", err, want...)
	again := within(t, deadline, "close of a new file", fresh.Close)
	wantErrno(t, "close of a new file", again, want...)

	must(t, x.Faults.Pass())
	mounttest.Eventually(t, 20*time.Second, "both files are at the service", func() bool {
		a, _ := x.stored(t, folder+"/old")
		b, ok := x.stored(t, folder+"/new")
		if a != "old" && a != "new and longer" && (a != "" || err == nil) {
			t.Fatalf("the service has %s", brief(a))
		}
		return a == "new and longer" && ok && b == "fresh"
	})
	mounttest.Eventually(t, 20*time.Second, "what is there can be read", func() bool {
		b, err := os.ReadFile(dir + "/small")
		if err == nil && string(b) != smallFile {
			t.Fatalf("read %s", brief(string(b)))
		}
		return err == nil
	})
	if list := x.list(t, folder); strings.Join(list, " ") != "long new old small" {
		t.Errorf("the service lists %q", list)
	}
}

// surviveKills kills the mount after it has acknowledged files that the service has not got, and
// in the middle of an upload.
func surviveKills(t *testing.T, s services.Service, note noting) {
	x := newSite(t, s, mounttest.Options{
		WriteBack: true, RetryMin: 20 * time.Millisecond, RetryMax: 100 * time.Millisecond, RenameSettle: 100 * time.Millisecond,
	}, services.Limits{Patience: 5 * time.Second, Stall: 4 * time.Second, ProbeEvery: 20 * time.Millisecond})
	must(t, os.Mkdir(x.at("d"), 0o755))
	write(t, x.at("d/old"), "old")
	x.drain(t)

	must(t, x.Faults.Refuse())
	want := map[string]string{"d/old": "the new one"}
	write(t, x.at("d/old"), want["d/old"])
	for i := range 3 {
		name := fmt.Sprint("d/f", i)
		want[name] = strings.Repeat(name, 1+i*40_000)
		write(t, x.at(name), want[name])
	}
	x.m.Kill()
	must(t, x.Faults.Pass())
	x.remount(t)
	x.drain(t)
	for name, content := range want {
		x.wantStored(t, name, content)
		if got := read(t, x.at(name)); got != content {
			t.Errorf("%s reads as %s", name, brief(got))
		}
	}
	note("with files that wait", passed(t))

	// The answer to what it sends is never heard of.
	x.Faults.Die()
	long := strings.Repeat("0123456789abcde\n", 20_000)
	write(t, x.at("d/long"), long)
	x.m.Kill()
	must(t, x.Faults.Pass())
	x.remount(t)
	x.drain(t)
	x.wantStored(t, "d/long", long)
	if list := x.list(t, "d"); strings.Join(list, " ") != "f0 f1 f2 long old" {
		t.Errorf("the service lists %q", list)
	}
	note("in an upload", passed(t))
}

// passed is how a test shows in the matrix.
func passed(t *testing.T) string {
	if t.Failed() {
		return "FAILED"
	}
	return "ok"
}
