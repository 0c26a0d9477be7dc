package staging_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/local"
	"sd/staging"
)

// In a crash test a child process writes files through a Store and prints what was
// acknowledged, until it is killed.

const (
	childDir   = "STAGING_TEST_DIR"
	childStore = "STAGING_TEST_STORE"
	childMode  = "STAGING_TEST_WRITE_BACK"
	childSeed  = "STAGING_TEST_SEED"
	crashFiles = 6
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

func crashConfig(dir string, b backends.Backend, writeBack bool) staging.Config {
	return staging.Config{Dir: dir, WriteBack: writeBack, PartSize: smallPart, Device: "dev",
		Backend:  func(context.Context, string) (backends.Backend, error) { return b, nil },
		RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond}
}

// body is content that tells its own number and whether it is whole.
func body(number uint64, n int) []byte {
	p := random(number, max(n, 16))
	binary.LittleEndian.PutUint64(p, number)
	binary.LittleEndian.PutUint32(p[8:], crc32.ChecksumIEEE(p[12:]))
	return p
}

// numberOf returns the number of a whole content.
func numberOf(p []byte) (uint64, bool) {
	if len(p) < 16 || binary.LittleEndian.Uint32(p[8:]) != crc32.ChecksumIEEE(p[12:]) {
		return 0, false
	}
	return binary.LittleEndian.Uint64(p), true
}

func child(dir string) {
	die := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	ctx := context.Background()
	b, err := local.Open(os.Getenv(childStore))
	die(err)
	s, err := staging.Open(crashConfig(dir, b, os.Getenv(childMode) != ""))
	die(err)
	open := map[string]*staging.File{}
	for _, f := range s.Recovered() {
		open[f.Name()] = f
	}
	s.Start()
	var seed uint64
	fmt.Sscan(os.Getenv(childSeed), &seed)
	r := rand.New(rand.NewPCG(seed, 3))
	for number := seed << 20; ; number++ {
		name := fmt.Sprintf("file%d", r.IntN(crashFiles))
		f := open[name]
		if f == nil {
			e, err := b.Stat(ctx, name)
			switch {
			case err == nil:
				f, err = s.Create("vol", name, b, baseOf(b, e), backends.Meta{})
			case os.IsNotExist(err) || strings.Contains(err.Error(), "not exist"):
				f, err = s.Create("vol", name, b, nil, backends.Meta{})
			}
			die(err)
			open[name] = f
		}
		p := body(number, r.IntN(6*smallPart))
		fmt.Println("try", name, number)
		die(f.Truncate(ctx, 0))
		if r.IntN(4) == 0 && borrowed(ctx, f, b, p, number) {
			if r.IntN(2) == 0 {
				f.Keep(nil) // in the journal, as what is to be copied
			} else {
				die(f.Flush(ctx))
			}
			fmt.Println("done", name, number)
			continue
		}
		for off := 0; off < len(p); off += 700 {
			_, err := f.WriteAt(ctx, p[off:min(off+700, len(p))], int64(off))
			die(err)
		}
		if r.IntN(4) == 0 {
			die(f.Sync(ctx))
		} else {
			die(f.Flush(ctx))
		}
		fmt.Println("done", name, number)
	}
}

// borrowed puts p into the store under a name of its own, and makes it what f shows, but does
// not fetch it.
func borrowed(ctx context.Context, f *staging.File, b *local.Store, p []byte, number uint64) bool {
	from := fmt.Sprint("from", number)
	e, err := b.Put(ctx, from, bytes.NewReader(p), int64(len(p)), backends.Meta{}, backends.Cond{})
	if err != nil {
		return false
	}
	e.Name = from
	return f.Copy(*baseOf(b, e), 0, int64(len(p)))
}

func TestKilled(t *testing.T) {
	for _, writeBack := range []bool{false, true} {
		t.Run(fmt.Sprintf("write-back=%v", writeBack), func(t *testing.T) {
			t.Parallel()
			c := &crasher{t: t, dir: t.TempDir(), storeDir: t.TempDir(), writeBack: writeBack,
				acked: map[string]uint64{}, tried: map[string]uint64{}}
			b, err := local.Open(c.storeDir)
			if err != nil {
				t.Fatal(err)
			}
			c.b = b
			for round := range *kills {
				c.round(uint64(round + 1))
			}
		})
	}
}

type crasher struct {
	t             *testing.T
	dir, storeDir string
	b             backends.Backend
	writeBack     bool
	acked, tried  map[string]uint64
}

// round lets a child write for a moment, kills it, and looks what is left.
func (c *crasher) round(seed uint64) {
	t := c.t
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childDir+"="+c.dir, childStore+"="+c.storeDir, fmt.Sprintf("%s=%d", childSeed, seed))
	if c.writeBack {
		cmd.Env = append(cmd.Env, childMode+"=1")
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The kill comes after a random number of lines, and a little.
	lines := rand.IntN(30) + 1
	scanner := bufio.NewScanner(out)
	for n := 0; scanner.Scan(); n++ {
		var verb, name string
		var number uint64
		if _, err := fmt.Sscan(scanner.Text(), &verb, &name, &number); err != nil {
			t.Fatalf("the child says %q", scanner.Text())
		}
		c.tried[name] = number
		if verb == "done" {
			c.acked[name] = number
		}
		if n == lines {
			time.AfterFunc(rand.N(2*time.Millisecond), func() { cmd.Process.Kill() })
		}
	}
	cmd.Wait()
	// Before anything is uploaded, what was acknowledged can be read.
	s, err := staging.Open(crashConfig(c.dir, c.b, c.writeBack))
	if err != nil {
		t.Fatal(err)
	}
	waiting := map[string]bool{}
	for _, f := range s.Recovered() {
		p := make([]byte, f.Size())
		if _, err := f.ReadAt(t.Context(), p, 0); err != nil {
			t.Fatal(err)
		}
		c.check(f.Name(), p)
		waiting[f.Name()] = true
		f.Close()
	}
	for name := range c.acked {
		if !waiting[name] {
			c.check(name, object(t, c.b, name))
		}
	}
	if seed%2 == 0 {
		s.Start()
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		for name := range c.acked {
			c.check(name, object(t, c.b, name))
		}
		err := c.b.List(t.Context(), "", func(page []backends.Entry) error {
			for _, e := range page {
				if strings.Contains(e.Name, "conflict") {
					t.Errorf("there is a %q", e.Name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if seed%2 == 0 {
		if left, err := os.ReadDir(c.dir); err != nil || len(left) != 0 {
			for _, e := range left {
				inside, _ := os.ReadDir(filepath.Join(c.dir, e.Name()))
				t.Log(e.Name(), inside)
			}
			t.Fatalf("left in the staging folder: %v, %v", left, err)
		}
	}
}

// check wants a whole content that is not older than what was acknowledged.
func (c *crasher) check(name string, p []byte) {
	c.t.Helper()
	number, whole := numberOf(p)
	if !whole || number < c.acked[name] || number > c.tried[name] {
		c.t.Fatalf("%s: %d bytes, number %d, whole %v; want number %d to %d", name, len(p), number, whole, c.acked[name], c.tried[name])
	}
}
