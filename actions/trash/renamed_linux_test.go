package trash_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"sd/actions/stores"
	"sd/actions/trash"
	"sd/backends"
	"sd/backends/mem"
	"sd/resolver"
	"sd/sdpath"
)

// On a drive, which copies nothing, files go to the trash and come back by their names alone.
func TestVolumeThatRenames(t *testing.T) {
	drive := mem.NewDrive(mem.Config{})
	w := newWorld(t, drive)
	_, err := w.resolver.AddCloud(t.Context(), resolver.CloudVolume{Service: sdpath.S3, Identifier: "drive"})
	w.must(err)
	st, _, err := w.set.Of(t.Context(), sdpath.Cloud{Service: sdpath.S3, Identifier: "drive"})
	w.must(err)
	vol := st.(*stores.Volume)
	write := func(name, text string) stores.Entry {
		t.Helper()
		_, err := drive.Put(t.Context(), name, strings.NewReader(text), int64(len(text)), backends.Meta{}, backends.Cond{})
		w.must(err)
		e, err := vol.Stat(t.Context(), name)
		w.must(err)
		return e
	}
	e := write("dir/sub/file", "content")
	stale := e
	write("dir/sub/file", "another")
	if _, err := trash.Put(t.Context(), vol, stale, "lib-1-1"); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("a file that was changed: %v, want ErrChanged", err)
	}
	e, err = vol.Stat(t.Context(), "dir/sub/file")
	w.must(err)
	where, err := trash.Put(t.Context(), vol, e, "lib-1-2")
	w.must(err)
	if where != trash.Folder+"/lib-1/dir/sub/file" {
		t.Errorf("it lies in %q", where)
	}
	if _, err := vol.Stat(t.Context(), "dir/sub/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there still: %v", err)
	}
	if again, err := trash.Put(t.Context(), vol, e, "lib-1-2"); again != where || err != nil {
		t.Errorf("once more: %q, %v, want %q", again, err, where)
	}
	second := write("dir/sub/file", "a second one")
	other, err := trash.Put(t.Context(), vol, second, "lib-1-3")
	if err != nil || other == where {
		t.Errorf("another file of that name goes to %q, %v", other, err)
	}
	write("dir/sub/file", "in the way")
	if _, err := trash.Restore(t.Context(), vol, where, "dir/sub/file"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("restored over what is there: %v", err)
	}
	w.must(drive.Remove(t.Context(), "dir/sub/file", backends.Cond{}))
	for _, from := range []string{where, other} {
		back, err := trash.Restore(t.Context(), vol, from, fmt.Sprint("back/", len(from)))
		w.must(err)
		if back.Kind != stores.File || back.Size == 0 {
			t.Errorf("restored: %+v", back)
		}
	}
	if _, err := vol.Stat(t.Context(), trash.Folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty trash is there: %v", err)
	}
}
