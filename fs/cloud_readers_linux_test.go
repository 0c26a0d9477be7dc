package fs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/testserver"
)

// For the 10,000 overwrites of the promise:
//
//	go test ./fs -run TestReadersOfOverwrittenObjects -timeout 2h -args -readers.overwrites 10000
var readerOverwrites = flag.Int("readers.overwrites", 500, "how often objects are overwritten under readers")

// telling is content each 4 KiB block of which carries the version, the version's
// size and the block's own number.
func telling(version uint64) []byte {
	blocks := 20 + int(version*7%400) // 80 KiB to 1.7 MiB
	b := bytes.Repeat([]byte{byte(version)}, blocks*4096)
	for i := range blocks {
		head := b[i*4096:]
		binary.LittleEndian.PutUint64(head, version)
		binary.LittleEndian.PutUint64(head[8:], uint64(len(b)))
		binary.LittleEndian.PutUint64(head[16:], uint64(i))
	}
	return b
}

// oneVersion checks blocks read at off, all of which must be of one version, of that
// one if it is not 0. It gives the version.
func oneVersion(b []byte, off int64, version uint64) (uint64, error) {
	if len(b)%4096 != 0 {
		return 0, fmt.Errorf("%d bytes at %d: no whole blocks", len(b), off)
	}
	for i := 0; i < len(b); i += 4096 {
		v, n := binary.LittleEndian.Uint64(b[i:]), binary.LittleEndian.Uint64(b[i+16:])
		if version == 0 {
			version = v
		}
		if v != version || n != uint64(off+int64(i))/4096 || bytes.Count(b[i+24:i+4096], []byte{byte(v)}) != 4072 {
			return 0, fmt.Errorf("at %d: block %d of version %d in a handle that reads version %d", off+int64(i), n, v, version)
		}
	}
	return version, nil
}

// tally counts what readers met.
type tally struct{ whole, stale, handles atomic.Int64 }

// readers read a file in all ways until stop, each handle one version or ESTALE.
func readers(t *testing.T, n int, path string, stop <-chan struct{}, counts *tally) *sync.WaitGroup {
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), uint64(time.Now().UnixNano())))
			for {
				select {
				case <-stop:
					return
				default:
				}
				switch err := readSome(r, path); {
				case err == nil:
					counts.whole.Add(1)
				case errors.Is(err, unix.ESTALE):
					counts.stale.Add(1)
				default:
					t.Errorf("%s: %v", path, err)
					return
				}
				counts.handles.Add(1)
			}
		})
	}
	return &running
}

// readSome reads through one handle: all in sequence, or pieces anywhere, or a mapping.
func readSome(r *rand.Rand, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var version uint64
	if r.IntN(2) == 0 {
		b, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		if version, err = oneVersion(b, 0, 0); err != nil {
			return err
		}
		if len(b) == 0 {
			return errors.New("nothing was read")
		}
		if size := int(binary.LittleEndian.Uint64(b[8:])); len(b) != size {
			return fmt.Errorf("%d bytes of version %d, which has %d", len(b), version, size)
		}
	}
	for range 1 + r.IntN(6) {
		off := int64(r.IntN(20+400)) * 4096
		b := make([]byte, 4096*(1+r.IntN(40)))
		n, err := f.ReadAt(b, off)
		if err != nil && err != io.EOF {
			return err
		}
		if version, err = oneVersion(b[:n], off, version); err != nil {
			return err
		}
	}
	return nil
}

// Objects are overwritten at the server, by another mount and by renames through the
// same mount, and every handle reads one version.
func TestReadersOfOverwrittenObjects(t *testing.T) {
	c := newCloud(t, mounttest.Options{MetadataTTL: 20 * time.Millisecond, CacheBytes: 16 << 20}, testserver.Versitygw)
	other := c.second(t)
	byServer := func(version uint64) error {
		b := telling(version)
		return c.server.Put(t.Context(), c.name, "server", bytes.NewReader(b), int64(len(b)), nil)
	}
	byOther := func(version uint64) error {
		return os.WriteFile(other.Path("s3/bucket/other"), telling(version), 0o644)
	}
	byRename := func(version uint64) error {
		if err := os.WriteFile(c.at("new"), telling(version), 0o644); err != nil {
			return err
		}
		return os.Rename(c.at("new"), c.at("renamed"))
	}
	var total tally
	t.Run("all", func(t *testing.T) {
		for name, way := range map[string]struct {
			overwrite func(uint64) error
			share     int // of ten
		}{"server": {byServer, 8}, "other": {byOther, 1}, "renamed": {byRename, 1}} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				must(t, way.overwrite(1))
				times := *readerOverwrites * way.share / 10
				stop := make(chan struct{})
				var counts tally
				running := readers(t, 2, c.at(name), stop, &counts)
				for i := range times {
					if err := way.overwrite(uint64(i + 2)); err != nil {
						t.Errorf("overwrite: %v", err)
					}
				}
				mounttest.Eventually(t, 30*time.Second, "readers read", func() bool { return counts.whole.Load() >= 5 || t.Failed() })
				close(stop)
				running.Wait()
				t.Logf("%d handles of one version, %d ESTALE, none mixed", counts.whole.Load(), counts.stale.Load())
				total.whole.Add(counts.whole.Load())
				last := uint64(times + 1)
				mounttest.Eventually(t, 5*time.Second, "the last version is read", func() bool {
					b, err := os.ReadFile(c.at(name))
					return err == nil && bytes.Equal(b, telling(last))
				})
			})
		}
	})
	t.Logf("%d overwrites, %d whole reads", *readerOverwrites, total.whole.Load())
	for _, key := range c.keys(t, "") {
		if !isOneOf(key, "server", "other", "renamed") {
			t.Errorf("in the bucket there is also %q", key)
		}
	}
}

func isOneOf(s string, list ...string) bool {
	for _, l := range list {
		if filepath.Base(s) == l {
			return true
		}
	}
	return false
}
