package transfer_test

import (
	"context"
	"encoding/json"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"sd/actions/steps"
	"sd/actions/transfer"
	"sd/backends"
)

func TestLocalRename(t *testing.T) {
	d := newDisk(t, transfer.Config{})
	ctx := context.Background()
	rename := func(task transfer.Task) error {
		r, err := d.Rename(ctx, task)
		if err == nil && (r.Method != steps.Rename || r.Entry.Version != d.entry(task.Name).Version) {
			t.Errorf("got %+v, want what is there", r)
		}
		return err
	}
	from := d.file("f", []byte("one"))
	task := d.task(from, "f")
	d.must(rename(task))
	d.must(rename(task)) // done before
	d.only("f")
	if _, err := os.Lstat(from); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("the old name: got %v, want ErrNotExist", err)
	}

	from = d.file("f", []byte("two"))
	again := d.task(from, "f")
	if err := rename(again); !errors.Is(err, backends.ErrChanged) || !errors.Is(err, iofs.ErrExist) {
		t.Errorf("over a file: got %v, want ErrExist", err)
	}
	again.Absent, again.Over = false, task.Source.Version
	d.must(os.WriteFile(task.Name, []byte("three"), 0o644))
	if err := rename(again); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("over another version: got %v, want ErrChanged", err)
	}
	again.Over = d.entry(task.Name).Version
	// As if a kill had come between the exchange and the removal.
	d.must(unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, again.Name, unix.RENAME_EXCHANGE))
	d.must(rename(again))
	if data, err := os.ReadFile(again.Name); string(data) != "two" || count(d.src) != 0 {
		t.Errorf("got %q, %v, want the one that was renamed, alone", data, err)
	}

	from = d.file("g", []byte("g"))
	last := d.task(from, "g")
	d.must(os.WriteFile(from, []byte("changed"), 0o644))
	var changed *transfer.ChangedError
	if err := rename(last); !errors.As(err, &changed) || changed.Side != transfer.Source {
		t.Errorf("another version: got %v, want the source to be told", err)
	}

	folder := filepath.Join(d.src, "folder")
	d.must(os.MkdirAll(filepath.Join(folder, "in"), 0o755))
	whole := d.task(folder, "folder")
	var saved json.RawMessage
	whole.Save = func(state json.RawMessage) error { saved = state; return nil }
	d.must(rename(whole))
	if err := rename(whole); !errors.As(err, &changed) || changed.Side != transfer.Source {
		t.Errorf("without what was saved: got %v, want the source to be told", err)
	}
	whole.Saved = saved
	d.must(rename(whole))
	d.must(os.Mkdir(folder, 0o755))
	whole = d.task(folder, "folder")
	whole.Absent = false
	if err := rename(whole); !errors.Is(err, iofs.ErrExist) {
		t.Errorf("over a folder: got %v, want ErrExist", err)
	}
	whole.Name = filepath.Join(folder, "into")
	if err := rename(whole); err == nil {
		t.Error("a folder went into itself")
	}
	d.only("f", "folder")
}

func TestLocalLink(t *testing.T) {
	d := newDisk(t, transfer.Config{})
	ctx := context.Background()
	first, other := d.file("first", []byte("1")), d.file("other", []byte("2"))
	task := d.task(first, "link")
	for range 2 { // the second finds it done
		_, err := d.Link(ctx, task)
		d.must(err)
	}
	if a, b := d.entry(first), d.entry(task.Name); a.Inode != b.Inode || b.Links != 2 {
		t.Errorf("got %+v, want a link to %+v", b, a)
	}
	over := d.task(other, "link")
	if _, err := d.Link(ctx, over); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("over a file: got %v, want ErrChanged", err)
	}
	over.Absent, over.Over = false, d.entry(over.Name).Version
	_, err := d.Link(ctx, over)
	d.must(err)
	if a, b := d.entry(other), d.entry(over.Name); a.Inode != b.Inode {
		t.Errorf("got %+v, want a link to %+v", b, a)
	}
	d.only("link")
}
