//go:build unix

package stores_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sd/actions/stores"
	"sd/backends"
)

// wildTree fills dir with what sorts badly: names that begin with each other, and folders that
// are large, deep, empty or many.
func wildTree(t testing.TB, dir string, rng *rand.Rand, large int) {
	t.Helper()
	names := []string{"d0", "a", "a b", "a-b", "a.b", "a0", "b", "B", "é", "\xff", "zz", "%%x", "a\nb", ".h"}
	var fill func(dir string, depth int)
	fill = func(dir string, depth int) {
		for _, name := range names {
			path := filepath.Join(dir, name)
			var err error
			switch n := rng.IntN(10); {
			case n < 3:
				err = os.WriteFile(path, make([]byte, rng.IntN(100)), 0o640)
			case n < 4:
				err = os.Symlink(strings.Repeat("to/", rng.IntN(200)+1), path)
			case n < 5:
				err = unix.Mkfifo(path, 0o600)
			case n < 7 && depth < 3:
				if err = os.Mkdir(path, 0o755); err == nil {
					fill(path, depth+1)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(dir, 0)
	sub := filepath.Join(dir, "large")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range large {
		path := filepath.Join(sub, fmt.Sprint(rng.IntN(1_000_000), "-", i))
		if i%10 == 0 {
			if err := os.MkdirAll(path+"/x/y", 0o755); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	deep := dir
	for range large / 10 {
		deep += "/d"
		if err := errors.Join(os.Mkdir(deep, 0o755), os.Mkdir(deep+"/e", 0o755), os.WriteFile(deep+"/f", nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// expected is what a walk should say: the keys of all that the standard library finds.
func expected(t testing.TB, dir string) (keys []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		key := path[len(dir)+1:]
		if d.IsDir() {
			key += "/"
		}
		keys = append(keys, key)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}

func TestLocalWalkModel(t *testing.T) {
	w := newWorld(t, nil, stores.Hooks{})
	local := w.local()
	for seed := range uint64(3) {
		dir := t.TempDir()
		wildTree(t, dir, rand.New(rand.NewPCG(seed, 0)), 1200*int(seed%2))
		want := expected(t, dir)
		for _, n := range []int{1, 5} {
			local.HoldOpen(n)
			if got := w.keys(local, dir, stores.WalkOptions{}); !slices.Equal(got, want) {
				t.Errorf("seed %d: with %d folders open a walk gives %d keys, want %d; the first of them that differ: %s", seed, n, len(got), len(want), firstDifference(got, want))
			}
		}
		local.HoldOpen(100)
		before := openFiles(t)
		if got := w.keys(local, dir, stores.WalkOptions{}); !slices.Equal(got, want) {
			t.Errorf("seed %d: a walk gives %d keys, want %d; the first of them that differ: %s", seed, len(got), len(want), firstDifference(got, want))
		}
		// What is left out by SkipDir is all that is left out.
		skip := func(key string) bool { return strings.HasSuffix(key, "/") && len(key)%3 == 0 }
		var got []string
		w.must(local.Walk(context.Background(), dir, stores.WalkOptions{}, func(e *stores.Entry) error {
			key := e.Key()[len(dir)+1:]
			got = append(got, key)
			if skip(key) {
				return fs.SkipDir
			}
			return nil
		}))
		var out string
		want = slices.DeleteFunc(want, func(key string) bool {
			if out != "" && strings.HasPrefix(key, out) {
				return true
			}
			if out = ""; skip(key) {
				out = key
			}
			return false
		})
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: with folders left out a walk gives %d keys, want %d", seed, len(got), len(want))
		}
		// A walk that ends early leaves nothing open.
		errEnough := errors.New("enough")
		for _, end := range []error{fs.SkipAll, errEnough} {
			n := 0
			err := local.Walk(context.Background(), dir, stores.WalkOptions{}, func(*stores.Entry) error {
				if n++; n == 50 {
					return end
				}
				return nil
			})
			if n != 50 || end == errEnough && err != errEnough || end == fs.SkipAll && err != nil {
				t.Errorf("a walk that is ended by %v after 50 goes on to %d and returns %v", end, n, err)
			}
		}
		if after := openFiles(t); after != before {
			t.Errorf("seed %d: walks have left %d files open", seed, after-before)
		}
	}
}

func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("%q, want %q", got[i], want[i])
		}
	}
	return "none"
}

// openFiles counts the descriptors of this process.
func openFiles(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// What a walk tells of a file is what Stat tells.
func TestLocalWalkEntries(t *testing.T) {
	w := newWorld(t, nil, stores.Hooks{})
	local, dir := w.local(), t.TempDir()
	wildTree(t, dir, rand.New(rand.NewPCG(9, 9)), 100)
	w.must(os.Link(filepath.Join(dir, firstFile(t, dir)), filepath.Join(dir, "second name")))
	kinds := map[stores.Kind]int{}
	w.must(local.Walk(t.Context(), dir, stores.WalkOptions{}, func(e *stores.Entry) error {
		kinds[e.Kind]++
		want, err := local.Stat(t.Context(), e.Name)
		w.must(err)
		if fmt.Sprintf("%+v", *e) != fmt.Sprintf("%+v", want) {
			t.Errorf("a walk says %+v, Stat says %+v", *e, want)
		}
		if (e.Kind == stores.Dir) != (e.Version == "") || !e.TimeKnown || e.Kind == stores.Symlink && e.Link == "" {
			t.Errorf("%+v", *e)
		}
		return nil
	}))
	if len(kinds) != 4 {
		t.Errorf("the tree has %v", kinds)
	}
}

func firstFile(t testing.TB, dir string) string {
	t.Helper()
	for _, key := range expected(t, dir) {
		if st, err := os.Lstat(filepath.Join(dir, key)); err == nil && st.Mode().IsRegular() {
			return key
		}
	}
	t.Fatal("no file")
	return ""
}

func TestLocalWalkProblems(t *testing.T) {
	w := newWorld(t, nil, stores.Hooks{})
	local, dir := w.local(), t.TempDir()
	w.is(local.Walk(t.Context(), dir+"/none", stores.WalkOptions{}, nil), fs.ErrNotExist)
	w.must(os.WriteFile(dir+"/file", nil, 0o644))
	w.is(local.Walk(t.Context(), dir+"/file", stores.WalkOptions{}, nil), backends.ErrNotDir)
	w.is(local.Walk(t.Context(), "/proc", stores.WalkOptions{Problem: func(_ string, err error) error { return err }}, nil), stores.ErrForeign)
	if got := w.keys(local, "/proc", stores.WalkOptions{}); got != nil {
		t.Errorf("a walk of /proc gives %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.is(local.Walk(ctx, dir, stores.WalkOptions{}, func(*stores.Entry) error { return nil }), context.Canceled)

	if os.Getuid() == 0 {
		runAsNobody(t)
		return
	}
	w.must(os.MkdirAll(dir+"/closed/x", 0o755))
	w.must(os.Mkdir(dir+"/open", 0o755))
	w.must(os.Chmod(dir+"/closed", 0))
	defer os.Chmod(dir+"/closed", 0o755)
	var problems []string
	got := w.keys(local, dir, stores.WalkOptions{Problem: func(name string, err error) error {
		w.is(err, fs.ErrPermission)
		problems = append(problems, name)
		return nil
	}})
	if want := []string{"closed/", "file", "open/"}; !slices.Equal(got, want) || !slices.Equal(problems, []string{dir + "/closed"}) {
		t.Errorf("a walk gives %q and problems with %q, want %q", got, problems, want)
	}
	w.is(local.Walk(t.Context(), dir, stores.WalkOptions{}, func(*stores.Entry) error { return nil }), fs.ErrPermission)
}

// runAsNobody runs the present test again as a user who may not read everything.
func runAsNobody(t *testing.T) {
	t.Helper()
	const nobody = 65534
	dir, err := os.MkdirTemp("", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(dir+"/test", program, 0o755)
	}
	if err == nil {
		err = errors.Join(os.Chmod(dir, 0o755), os.Mkdir(dir+"/tmp", 0o755), os.Chown(dir+"/tmp", nobody, nobody))
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), dir+"/test", "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir + "/tmp", "TMPDIR=" + dir + "/tmp"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS")) {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

func TestLocalChildren(t *testing.T) {
	w := newWorld(t, nil, stores.Hooks{})
	local, dir := w.local(), t.TempDir()
	for _, name := range []string{"a/in", "a-b", "c"} {
		w.must(os.MkdirAll(dir+"/"+name, 0o755))
	}
	var got []string
	w.must(local.Children(t.Context(), dir, func(e *stores.Entry) error {
		got = append(got, e.Key())
		return nil
	}))
	if want := []string{dir + "/a-b/", dir + "/a/", dir + "/c/"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
