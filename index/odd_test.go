//go:build linux

package index_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sd/index"
	"sd/library"
	"sd/library/catalog"
)

func TestMain(m *testing.M) {
	if task := os.Getenv("SD_INDEX_TASK"); task != "" {
		if err := tasks[task](); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// tasks are what a test runs in a process of its own. SD_INDEX_DATA is the library's data
// directory, SD_INDEX_DIR the folder.
var tasks = map[string]func() error{"scan": taskScan, "mounts": taskMounts}

// child is this program, about to do a task.
func (w *world) child(task, data string) *exec.Cmd {
	w.t.Helper()
	exe, err := os.Executable()
	w.must(err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "SD_INDEX_TASK="+task, "SD_INDEX_DATA="+data, "SD_INDEX_DIR="+w.dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// taskWorld opens the library of a task.
func taskWorld() (*world, library.Location, func(), error) {
	t := &taskTB{}
	w := openWorld(t, os.Getenv("SD_INDEX_DATA"), os.Getenv("SD_INDEX_DIR"), nil)
	all, err := w.lib.Locations(context.Background())
	if err != nil || len(all) == 0 {
		return nil, library.Location{}, nil, errors.Join(err, errors.New("no location"))
	}
	return w, all[0], t.end, nil
}

// taskTB is enough of a testing.TB for openWorld.
type taskTB struct {
	testing.TB
	ends []func()
}

func (t *taskTB) Helper()          {}
func (t *taskTB) Cleanup(f func()) { t.ends = append(t.ends, f) }
func (t *taskTB) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}
func (t *taskTB) end() {
	for _, f := range slices.Backward(t.ends) {
		f()
	}
}

// taskScan scans the first location of a library.
func taskScan() error {
	w, loc, end, err := taskWorld()
	if err != nil {
		return err
	}
	defer end()
	_, err = w.x.Scan(context.Background(), loc, index.Control{})
	return err
}

// Names are bytes, and nothing but a folder is opened.
func TestScanOddNames(t *testing.T) {
	w := newWorld(t, nil)
	names := []string{"\xff\xfe", "new\nline", strings.Repeat("n", 255), strings.Repeat("ü", 127), " ", "a b", "...", "-", `\`, "\x01", "q'\"", "dir \xc3/\xa9\n/f"}
	for _, name := range names {
		w.write(name, "x")
	}
	w.must(unix.Mkfifo(filepath.Join(w.dir, "fifo"), 0o644))
	w.must(unix.Mknod(filepath.Join(w.dir, "whiteout"), unix.S_IFCHR|0o644, 0))
	l, err := net.Listen("unix", filepath.Join(w.dir, "socket"))
	w.must(err)
	defer l.Close()
	w.must(os.Symlink(w.dir, filepath.Join(w.dir, "loop")))
	w.must(os.Symlink("nowhere", filepath.Join(w.dir, "dangling")))
	w.must(os.Link(filepath.Join(w.dir, "a b"), filepath.Join(w.dir, "hard")))
	loc := w.add("", library.Rules{Hidden: true})
	w.scan(loc)
	w.want(append(names, "fifo", "whiteout", "socket", "loop", "dangling", "hard")...)
	got := w.files(w.here, loc.Path)
	for name, want := range map[string]catalog.Type{
		"fifo": catalog.Special, "whiteout": catalog.Special, "socket": catalog.Special, "loop": catalog.Symlink, "dangling": catalog.Symlink, "hard": catalog.Regular,
	} {
		if got[name].Type != want {
			t.Errorf("%s is of type %d, want %d", name, got[name].Type, want)
		}
	}
	if got["hard"].Version != got["a b"].Version {
		t.Error("two names of one file differ")
	}
	if r := w.scan(loc); r.Added+r.Changed+r.Removed != 0 {
		t.Errorf("a second scan reports %+v", r)
	}
	if d := w.differences(loc); len(d) != 0 {
		t.Errorf("the catalog differs: %v", d)
	}
}

// deepen makes a chain of n folders with long names, each with a file and a folder besides.
func (w *world) deepen(n int) {
	w.t.Helper()
	fd, err := unix.Open(w.dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	w.must(err)
	long := strings.Repeat("d", 100)
	for range n {
		for _, name := range []string{"side", long} {
			w.must(unix.Mkdirat(fd, name, 0o755))
		}
		w.must(unix.Mknodat(fd, "file", unix.S_IFREG|0o644, 0))
		w.must(unix.Mknodat(fd, "side/file", unix.S_IFREG|0o644, 0))
		next, err := unix.Openat(fd, long, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		w.must(err)
		unix.Close(fd)
		fd = next
	}
	unix.Close(fd)
}

// Trees may be deeper than any path is long, and than folders can be open at once.
func TestScanDeep(t *testing.T) {
	w := newWorld(t, nil)
	const depth = 320
	w.deepen(depth)
	loc := w.add("", library.Rules{})
	if r := w.scan(loc); r.Files != 2*depth || r.Folders != 2*depth+1 || r.Problems != 0 {
		t.Errorf("the scan reports %+v", r)
	}
	if r := w.scan(loc); r.Files != 2*depth || r.Added+r.Changed+r.Removed != 0 {
		t.Errorf("a second scan reports %+v", r)
	}
	w.must(os.RemoveAll(filepath.Join(w.dir, strings.Repeat("d", 100))))
	w.scan(loc)
	w.want("file", "side/file")
}

// A folder of very many files is written in pieces.
func TestScanWide(t *testing.T) {
	w := newWorld(t, nil)
	fd, err := unix.Open(w.dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	w.must(err)
	defer unix.Close(fd)
	const n = 10_500
	for i := range n {
		w.must(unix.Mknodat(fd, fmt.Sprintf("%05d", i), unix.S_IFREG|0o644, 0))
	}
	loc := w.add("", library.Rules{})
	if r := w.scan(loc); r.Added != n {
		t.Errorf("the scan reports %+v", r)
	}
	for i := 0; i < n; i += 7 {
		w.must(unix.Unlinkat(fd, fmt.Sprintf("%05d", i), 0))
	}
	if r := w.scan(loc); r.Removed != (n+6)/7 || r.Files != n-(n+6)/7 || r.Changed != 0 {
		t.Errorf("a second scan reports %+v", r)
	}
	if d := w.differences(loc); len(d) != 0 {
		t.Errorf("the catalog differs in %d files", len(d))
	}
}

// A process that may not read a folder records that, and what was known of it stays.
func TestScanUnreadable(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	data, err := os.MkdirTemp("", "unreadable")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(data) })
	dir := filepath.Join(data, "files")
	w := openWorld(t, filepath.Join(data, "data"), dir, nil)
	w.write("open/a", "1", "closed/b", "2", "closed/c/d", "3", "blind/e", "4", "never/f", "5")
	loc := w.add("", library.Rules{})
	w.must(os.Chmod(filepath.Join(dir, "never"), 0))
	run := func() {
		t.Helper()
		w.must(exec.Command("chown", "-R", "65534:65534", data).Run())
		cmd := w.child("scan", filepath.Join(data, "data"))
		cmd.Path, cmd.Dir = filepath.Join(data, "exe"), "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		cmd.Env = append(cmd.Env, "HOME="+data)
		w.must(cmd.Run())
	}
	exe, err := os.Executable()
	w.must(err)
	w.must(exec.Command("cp", exe, filepath.Join(data, "exe")).Run()) // which lies where others may not go
	w.must(os.Chmod(data, 0o755))
	run()
	w.want("open/a", "closed/b", "closed/c/d", "blind/e")
	w.must(os.Chmod(filepath.Join(dir, "closed"), 0))
	w.must(os.Chmod(filepath.Join(dir, "blind"), 0o444))
	run()
	w.want("open/a", "closed/b", "closed/c/d", "blind/e")
	list, n, err := w.lib.Problems(t.Context(), loc.ID, 0)
	w.must(err)
	got := map[string]string{}
	for _, p := range list {
		got[p.Path] = p.Op
	}
	want := map[string]string{w.path("closed"): index.OpList, w.path("blind"): index.OpList, w.path("never"): index.OpList}
	if n != 3 || !maps.Equal(got, want) {
		t.Errorf("the problems are %v, want %v", got, want)
	}
	for _, name := range []string{"closed", "blind", "never"} {
		w.must(os.Chmod(filepath.Join(dir, name), 0o755))
	}
	run()
	w.want("open/a", "closed/b", "closed/c/d", "blind/e", "never/f")
	if _, n, err := w.lib.Problems(t.Context(), loc.ID, 0); err != nil || n != 0 {
		t.Errorf("there are still %d problems (%v)", n, err)
	}
}

// A tree that changes while it is scanned does no harm, and the next scan sees it as it is.
func TestScanWhileChanging(t *testing.T) {
	w := newWorld(t, nil)
	loc := w.add("", library.Rules{})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for id := range 2 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(id), 3))
			name := func() string {
				return filepath.Join(w.dir, fmt.Sprint(rnd.IntN(4)), fmt.Sprint(rnd.IntN(4)), fmt.Sprint(rnd.IntN(4)))
			}
			for {
				select {
				case <-stop:
					return
				default:
				}
				a, b := name(), name() // errors are part of it
				switch rnd.IntN(5) {
				case 0:
					_ = os.RemoveAll(filepath.Dir(a))
				case 1:
					_ = os.Rename(filepath.Dir(a), filepath.Dir(b))
				case 2:
					_ = os.Rename(a, b)
				default:
					_ = os.MkdirAll(filepath.Dir(a), 0o755)
					_ = os.WriteFile(a, []byte(b), 0o644)
				}
			}
		})
	}
	for range 25 {
		w.scan(loc)
		_, err := w.x.ScanFolder(t.Context(), loc, w.path("1"), true)
		w.must(err)
	}
	close(stop)
	wg.Wait()
	w.scan(loc)
	if d := w.differences(loc); len(d) != 0 {
		t.Errorf("the catalog differs: %v", d)
	}
}

// A scan that is killed at any moment leaves a library that opens, and a further scan comes
// to the same as one that was never killed.
func TestScanKilled(t *testing.T) {
	data := t.TempDir()
	w := openWorld(t, data, t.TempDir(), nil)
	for i := range 100 {
		for j := range 10 {
			w.write(fmt.Sprintf("%d/%d/%d", i%10, i, j), "x")
		}
	}
	loc := w.add("", library.Rules{})
	rnd := rand.New(rand.NewPCG(8, 15))
	killed := 0
	for round := range 8 {
		for range 20 { // so that there is always something to write
			i := rnd.IntN(100)
			w.write(fmt.Sprintf("%d/%d/%d", i%10, i, rnd.IntN(10)), strings.Repeat("y", round))
		}
		cmd := w.child("scan", data)
		w.must(cmd.Start())
		if rnd.IntN(4) > 0 { // wait until it has begun
			for lockedBy(w, loc) == false && cmd.ProcessState == nil {
				if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
					break
				}
				if zombie(cmd.Process.Pid) {
					break
				}
			}
		}
		for range rnd.IntN(40_000) {
			_ = os.Getpid() // some microseconds
		}
		_ = cmd.Process.Kill() // it may have ended
		if err := cmd.Wait(); err != nil {
			killed++
		}
		w.must(w.lib.Check(t.Context()))
	}
	if killed == 0 {
		t.Error("no scan was killed")
	}
	w.scan(loc)
	if d := w.differences(loc); len(d) != 0 {
		t.Errorf("the catalog differs: %v", d)
	}
	if got := len(w.files(w.here, loc.Path)); got != 1000 {
		t.Errorf("the catalog has %d files, want 1000", got)
	}
}

// lockedBy tells whether some scan of the location is under way.
func lockedBy(w *world, loc library.Location) bool {
	f, err := os.Open(filepath.Join(w.lib.Dir(), "locks", fmt.Sprintf("location-%d", loc.ID)))
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}

// zombie tells whether a child has ended.
func zombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(rest, "Z")
}
