package rename

import (
	"errors"
	iofs "io/fs"
	"testing"

	"sd/internal/testserver"
)

// TestEmptyNames renames folders in which a file has no name, so that its key is the one
// that a marker of the folder would have.
func TestEmptyNames(t *testing.T) {
	t.Parallel()
	server := testserver.Gofakes3(t, killBucket)
	b, err := openBucket(server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	server.MustPut(t, killBucket, "d/", "nameless", "d/in", "1", "d/sub/", "too", "d/deep//", "deep", "other/x", "beside", "taken/in", "2")
	if err := b.Mkdir(t.Context(), "d/empty"); err != nil {
		t.Fatal(err)
	}
	before := everything(t, b)
	j, err := openJournal(t.TempDir(), b)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Dir(t.Context(), volume, b, "d", "taken", nil); !errors.Is(err, iofs.ErrExist) {
		t.Errorf("over a folder that has the same: got %v, want %v", err, iofs.ErrExist)
	}
	if err := j.Recover(t.Context()); err != nil { // what the servers may still have done is waited for
		t.Fatal(err)
	}
	compare(t, everything(t, b), before)

	if err := j.Dir(t.Context(), volume, b, "d", "e", nil); err != nil {
		t.Fatal(err)
	}
	want := moved(before, "d", "e")
	compare(t, everything(t, b), want)

	from, err := b.Stat(t.Context(), "e/")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.File(t.Context(), volume, b, from, "other/", Options{}); err != nil {
		t.Fatal(err)
	}
	want["other/"] = want["e/"]
	delete(want, "e/")
	compare(t, everything(t, b), want)
	if p := j.Pending(); len(p) > 0 {
		t.Errorf("still pending: %+v", p)
	}
}
