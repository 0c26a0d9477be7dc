package fs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/testserver"
)

// TestCopiesUnderWriters copies a file again and again while others put new versions in its
// place: each copy is one of these, whole, or fails with ESTALE.
func TestCopiesUnderWriters(t *testing.T) {
	c := newCloud(t, mounttest.Options{}, testserver.Versitygw)
	const size, copiers, rounds = 1<<20 + 77, 4, 6
	put := func(letter byte) error {
		name := c.at("new")
		if err := os.WriteFile(name, bytes.Repeat([]byte{letter}, size), 0o644); err != nil {
			return err
		}
		return os.Rename(name, c.at("src"))
	}
	must(t, put('a'))
	done := make(chan struct{})
	var writer, readers sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			if err := put('a' + byte(i%26)); err != nil {
				t.Errorf("put: %v", err)
			}
		}
	})
	var mu sync.Mutex
	var whole []string
	for i := range copiers {
		readers.Go(func() {
			for k := range rounds {
				name := fmt.Sprintf("copy-%d-%d", i, k)
				switch err := copyWhole(c.at("src"), c.at(name), size); {
				case err == nil:
					mu.Lock()
					whole = append(whole, name)
					mu.Unlock()
				case !errors.Is(err, unix.ESTALE):
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	readers.Wait()
	close(done)
	writer.Wait()
	for _, name := range whole {
		got, _ := c.stored(t, name)
		if len(got) != size || strings.Trim(got, got[:1]) != "" {
			t.Errorf("%s is %d bytes of more than one version", name, len(got))
		}
		if read(t, c.at(name)) != got {
			t.Errorf("%s is another through the mount", name)
		}
	}
	t.Logf("%d of %d copies were made", len(whole), copiers*rounds)
}

// copyWhole copies as cp(1) does: in the kernel, and where that cannot be by reading.
func copyWhole(from, to string, size int64) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	for off := int64(0); off < size; {
		n, err := copyRange(in, out, off, size-off)
		if errors.Is(err, unix.EXDEV) {
			part, err := io.ReadAll(io.NewSectionReader(in, off, size-off))
			if err == nil {
				_, err = out.WriteAt(part, off)
			}
			return err
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		off += int64(n)
	}
	return nil
}
