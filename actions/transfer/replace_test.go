//go:build linux

package transfer_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"sd/actions/transfer"
	"sd/backends"
	"sd/backends/mem"
	"sd/identity"
)

// meddled is a drive before whose writes something happens.
type meddled struct {
	*mem.Drive
	before func()
}

func (m *meddled) Put(ctx context.Context, name string, r io.ReadSeeker, size int64, meta backends.Meta, c backends.Cond) (backends.Entry, error) {
	if m.before != nil {
		m.before()
	}
	return m.Drive.Put(ctx, name, r, size, meta, c)
}

// What a large file was to replace in a store without parts stands as it was when the source turns
// out to be another than what was planned.
func TestReplacedStands(t *testing.T) {
	drive := &meddled{Drive: mem.NewDrive(mem.Config{})}
	w := newWorld(t, map[string]backends.Backend{"source": mem.New(mem.Config{}), "drive": drive}, transfer.Config{})
	from, to := w.volumes["source"], w.volumes["drive"]
	data, old := noise(5*unit-7, 9), noise(100, 1)
	there := w.make(to, "x", old)
	stands := func(what string) {
		t.Helper()
		if got := w.read(to, w.name(to, "x")); string(got) != string(old) {
			t.Errorf("%s: it holds %d other bytes", what, len(got))
		}
	}
	over := func(task transfer.Task) transfer.Task {
		task.Absent, task.Over = false, there.Version
		return task
	}

	file := w.make(w.local, "file", data)
	drive.before = func() { w.make(w.local, "file", noise(5*unit-7, 8)) }
	var changed *transfer.ChangedError
	if _, err := w.Copy(t.Context(), over(w.task(w.local, file, to, "x"))); !errors.As(err, &changed) || changed.Side != transfer.Source {
		t.Errorf("a file that changes: got %v", err)
	}
	stands("a file that changes")
	drive.before = nil

	var corrupt *transfer.CorruptError
	for name, task := range map[string]transfer.Task{
		"a file":    w.task(w.local, w.make(w.local, "file", data), to, "x"),
		"an object": w.task(from, w.make(from, "object", data), to, "x"),
	} {
		task = over(task)
		task.Source.Proven, task.Source.Sum = true, identity.Sum{1}
		if _, err := w.Copy(t.Context(), task); !errors.As(err, &corrupt) {
			t.Errorf("%s of other bytes than those that are proven: got %v", name, err)
		}
		stands(name)
	}
}
