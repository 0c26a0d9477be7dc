package transfer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sd/actions/steps"
	"sd/actions/transfer"
	"sd/backends"
)

// A kill in the middle of a replacement loses no file, least of all one that nobody has agreed
// to replace.
func TestLocalSwapKilled(t *testing.T) {
	ctx := context.Background()
	ways(t, func(d *disk) {
		from := d.file("f", []byte("new"))
		begin := func() (task transfer.Task, swap string) {
			task = d.task(from, "f")
			d.must(os.WriteFile(task.Name, []byte("old"), 0o600))
			task.Absent, task.Over = false, d.entry(task.Name).Version
			return task, filepath.Join(d.dst, ".sd-"+task.Unique+".swap")
		}
		has := func(task *transfer.Task, want string) {
			d.Helper()
			d.only("f")
			if got, err := os.ReadFile(task.Name); string(got) != want {
				d.Errorf("got %q, %v, want %q", got, err, want)
			}
			d.must(os.Remove(task.Name))
		}
		// Before: the new file is complete. (One way or the other, it gets its place.)
		task, swap := begin()
		other := d.task(from, filepath.Base(swap))
		d.copy(other)
		d.copy(task)
		has(&task, "new")
		task, swap = begin()
		other = d.task(from, filepath.Base(swap))
		d.copy(other)
		d.must(d.Clean(ctx, task))
		has(&task, "old")
		// After: what was to be replaced is left.
		for _, clean := range []bool{true, false} {
			task, swap = begin()
			d.must(os.Rename(task.Name, swap))
			d.copy(d.task(from, "f"))
			if clean {
				d.must(d.Clean(ctx, task))
			} else if r := d.copy(task); r.Method != steps.Skip {
				d.Errorf("got %v, want that it was there", r.Method)
			}
			has(&task, "new")
		}
		// After, and what is left is somebody's.
		for _, clean := range []bool{true, false} {
			task, swap = begin()
			d.must(os.Remove(task.Name))
			d.copy(d.task(from, "f"))
			d.must(os.WriteFile(swap, []byte("somebody's"), 0o600))
			err := error(nil)
			if clean {
				err = d.Clean(ctx, task)
			} else {
				_, err = d.Copy(ctx, task)
			}
			if !errors.Is(err, backends.ErrChanged) {
				d.Errorf("got %v, want ErrChanged", err)
			}
			has(&task, "somebody's")
		}
	})
}
