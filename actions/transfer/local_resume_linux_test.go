package transfer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sd/actions/transfer"
)

// A large copy that is cut off goes on where it was, as long as source and hidden file are those.
func TestLocalResume(t *testing.T) {
	d := newDisk(t, transfer.Config{})
	from := d.file("f", noise(transfer.Resumable+1<<20, 3))
	d.must(transfer.NoClones(d.Transfers, d.dst, d.entry(from).Dev))
	task := d.task(from, "f")
	var saved json.RawMessage
	task.Save = func(state json.RawMessage) error { saved = state; return nil }
	var moved int64
	cut := func(at int64) error {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		moved = 0
		task.Progress = func(n int64) {
			if moved += n; moved >= at {
				cancel()
			}
		}
		task.Saved = saved
		_, err := d.Copy(ctx, task)
		return err
	}
	if err := cut(32 << 20); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want it canceled", err)
	}
	hidden := ".sd-" + task.Unique + ".part"
	d.only(hidden)
	if err := cut(48 << 20); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want it canceled", err)
	}
	var calls int
	task.Saved, moved = saved, 0
	task.Progress = func(n int64) { calls, moved = calls+1, moved+n }
	d.copy(task)
	d.same(from, task.Name)
	if moved != transfer.Resumable+1<<20 || calls != 3 {
		t.Errorf("got %d bytes of progress in %d calls, want what was there and 2 more stretches", moved, calls)
	}
	d.only("f")

	// Another hidden file than the one that was left is not believed.
	d.must(os.Remove(task.Name))
	if err := cut(32 << 20); err == nil {
		t.Fatal("not canceled")
	}
	d.must(os.Remove(filepath.Join(d.dst, hidden)))
	d.must(os.WriteFile(filepath.Join(d.dst, hidden), make([]byte, transfer.Resumable), 0o600))
	task.Saved = saved
	d.copy(task)
	d.same(from, task.Name)

	// Clean removes it, and that twice.
	task.Name += "2"
	task.Saved, saved = nil, nil
	if err := cut(16 << 20); err == nil {
		t.Fatal("not canceled")
	}
	d.only("f", hidden)
	d.must(d.Clean(context.Background(), task))
	d.must(d.Clean(context.Background(), task))
	d.only("f")
	task.Save = nil // nobody would go on with it
	if err := cut(16 << 20); err == nil {
		t.Fatal("not canceled")
	}
	d.only("f")
}

// TestLocalKill kills a process that copies, again and again, and lets the next one go on.
func TestLocalKill(t *testing.T) {
	if dir := os.Getenv("SD_TEST_COPY"); dir != "" {
		copyAll(t, dir)
		return
	}
	d := newDisk(t, transfer.Config{})
	for i := range 200 {
		d.file(fmt.Sprint("f", i), noise(i*200, byte(i)))
	}
	d.file("big", noise(transfer.Resumable+1<<20, 9))
	d.must(os.Symlink("f1", filepath.Join(d.src, "link")))
	d.must(os.WriteFile(filepath.Join(d.dst, "f7"), []byte("to be replaced"), 0o644))
	const each = 60
	kills := 0
	for after := 1; ; after += each { // steps that this process may do
		if !d.killed(after) {
			break
		}
		kills++
	}
	list, err := os.ReadDir(d.src)
	d.must(err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
		d.same(filepath.Join(d.src, e.Name()), filepath.Join(d.dst, e.Name()))
	}
	d.only(names...)
	if kills < 3 {
		t.Errorf("got %d kills, want at least 3", kills)
	}
}

// killed has another process copy src to dst, and kills it after so many steps; false: it has
// come to the end.
func (d *disk) killed(after int) bool {
	cmd := exec.Command(os.Args[0], "-test.run=^TestLocalKill$")
	cmd.Env = append(os.Environ(), "SD_TEST_COPY="+d.src+","+d.dst)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	d.must(err)
	d.must(cmd.Start())
	steps := 0
	for b := make([]byte, 1); steps < after; { // a byte a step
		if n, _ := out.Read(b); n == 0 || b[0] != '.' {
			break
		}
		steps++
	}
	if steps < after {
		rest, err := io.ReadAll(out)
		if err = errors.Join(err, cmd.Wait()); err != nil {
			d.Fatalf("the copy failed: %v\n%s", err, rest)
		}
		return false
	}
	d.must(cmd.Process.Kill())
	cmd.Wait()
	return true
}

// copyAll copies SRC to DST, as a job would: what one process saved is known to the next.
func copyAll(t *testing.T, dirs string) {
	src, dst, _ := strings.Cut(dirs, ",")
	d := newDisk(t, transfer.Config{})
	d.src, d.dst = src, dst
	list, err := os.ReadDir(src)
	d.must(err)
	for i, e := range list {
		task := d.task(filepath.Join(src, e.Name()), e.Name())
		task.Unique = fmt.Sprint("kill-", i)
		notes := filepath.Join(filepath.Dir(dst), e.Name()+".saved")
		task.Saved, _ = os.ReadFile(notes)
		task.Save = func(state json.RawMessage) error {
			d.must(os.WriteFile(notes+"2", state, 0o600))
			return os.Rename(notes+"2", notes)
		}
		task.Progress = func(int64) { os.Stdout.WriteString(".") }
		if e.Name() == "f7" {
			task.Absent = false
		}
		d.copy(task)
	}
}
