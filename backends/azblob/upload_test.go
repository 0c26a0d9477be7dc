package azblob

import (
	"encoding/base64"
	"errors"
	iofs "io/fs"
	"maps"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"sd/backends"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// uploaded makes a file of parts.
func uploaded(t *testing.T, b *Backend, name string, m backends.Meta, c backends.Cond, contents ...string) backends.Entry {
	t.Helper()
	u, err := b.Upload(t.Context(), name, "", m)
	if err != nil {
		t.Fatal(err)
	}
	e, err := u.Commit(t.Context(), sendAll(t, u, contents...), c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func sendAll(t *testing.T, u backends.Upload, contents ...string) (parts []backends.Part) {
	t.Helper()
	for i, text := range contents {
		p, err := u.Part(t.Context(), i+1, strings.NewReader(text), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
	}
	return parts
}

// TestBlocksAreKept changes the middle of a file: no byte of the rest moves, in the service
// neither.
func TestBlocksAreKept(t *testing.T) {
	t.Parallel()
	w := watch(t, nil)
	first, second, third := content(1000), content(2000)[1000:], content(3000)[2000:]
	old := uploaded(t, w.Backend, "file", backends.Meta{}, backends.Cond{}, first, second, third)
	u, err := w.Upload(t.Context(), "file", "", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	w.forget()
	head, err := u.CopyPart(t.Context(), 1, "file", old.Version, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	tail, err := u.CopyPart(t.Context(), 3, "file", old.Version, 2000, 1000)
	if err != nil {
		t.Fatal(err)
	}
	middle, err := u.Part(t.Context(), 2, strings.NewReader("changed"), 7)
	if err != nil {
		t.Fatal(err)
	}
	e, err := u.Commit(t.Context(), []backends.Part{head, middle, tail}, backends.Cond{Version: old.Version})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]int{"BLOCKS": 1, "PART": 1, "COMPLETE": 1}; !maps.Equal(w.counts(), want) {
		t.Errorf("it took %v, want %v", w.counts(), want)
	}
	if got, at, err := read(t.Context(), w, "file", e.Version, 0, -1); got != first+"changed"+third || at.Size != e.Size || err != nil {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	// What is no whole block is copied, and so is what another version has.
	for _, tt := range []struct {
		version string
		off, n  int64
		want    error
	}{{e.Version, 1, 999, nil}, {e.Version, 0, 999, nil}, {e.Version, 500, 1000, nil}, {old.Version, 0, 1000, backends.ErrChanged}} {
		part, err := u.CopyPart(t.Context(), 1, "file", tt.version, tt.off, tt.n)
		if !errors.Is(err, tt.want) {
			t.Errorf("%d bytes at %d: got %v, want %v", tt.n, tt.off, err, tt.want)
		}
		if strings.HasPrefix(part.Tag, keptMark) {
			t.Errorf("%d bytes at %d are kept as %q", tt.n, tt.off, part.Tag)
		}
		checkError(t, err)
	}
}

// TestCover compares what is kept with what a plain search finds.
func TestCover(t *testing.T) {
	t.Parallel()
	check := func(sizes []uint8, foreign uint8, from, count uint8) bool {
		m, starts := blockMap{}, []int64{0}
		for i, size := range sizes {
			id := blockID("mark", ownLength)
			if i == int(foreign) {
				id = base64.StdEncoding.EncodeToString([]byte("theirs"))
			}
			n := (int64(size) + 1) * leastKept
			m.list = append(m.list, &blockblob.Block{Name: &id, Size: &n})
			starts = append(starts, starts[i]+n)
		}
		if len(sizes) == 0 {
			return m.cover(0, 1) == nil
		}
		a := int(from) % len(sizes)
		b := min(a+1+int(count)%3, len(sizes))
		got := m.cover(starts[a], starts[b]-starts[a])
		if a <= int(foreign) && int(foreign) < b {
			return got == nil
		}
		if len(got) != b-a || m.cover(starts[a]+1, starts[b]-starts[a]-1) != nil || m.cover(starts[a], starts[b]-starts[a]-1) != nil {
			return false
		}
		for i, id := range got {
			if id != *m.list[a+i].Name {
				return false
			}
		}
		return true
	}
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
	small := int64(10)
	ids := []string{blockID("m", ownLength), blockID("m", ownLength)}
	m := blockMap{list: []*blockblob.Block{{Name: &ids[0], Size: &small}, {Name: &ids[1], Size: &small}}}
	if m.cover(0, 10) == nil || m.cover(0, 20) != nil {
		t.Error("one small block is to be kept, and many are to be made one")
	}
}

// TestBlockIDs are of the length that was asked for, and never the same.
func TestBlockIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for length := leastID; length <= 64; length++ {
		for range 20 {
			id := blockID(newMark(), length)
			plain, err := base64.StdEncoding.DecodeString(id)
			if err != nil || len(plain) != length || seen[id] {
				t.Errorf("id %q of length %d: %v", id, length, err)
			}
			seen[id] = true
		}
	}
}

// TestBlocksOfOthers has another program send blocks with ids of another length for the
// same name. Ours take that length; one that is too short is told.
func TestBlocksOfOthers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		theirs int
		ok     bool
	}{{36, true}, {64, true}, {leastID, true}, {5, false}} {
		l := newLab(t, nil)
		id := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", tt.theirs)))
		if _, err := l.raw.NewBlockBlobClient("file").StageBlock(t.Context(), id, nopCloser{strings.NewReader("theirs")}, nil); err != nil {
			t.Fatal(err)
		}
		u, err := l.Upload(t.Context(), "file", "", backends.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		part, err := u.Part(t.Context(), 1, strings.NewReader("ours"), 4)
		if !tt.ok {
			if err == nil || !strings.Contains(err.Error(), "another program") {
				t.Errorf("ids of %d bytes: got %v, want it to tell of another program", tt.theirs, err)
			}
			checkError(t, err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := l.Upload(t.Context(), "file", u.ID(), backends.Meta{}) // as another process does
		if err != nil {
			t.Fatal(err)
		}
		more, err := again.Part(t.Context(), 2, strings.NewReader(", too"), 5)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := again.Commit(t.Context(), []backends.Part{part, more}, backends.Cond{}); err != nil {
			t.Fatal(err)
		}
		if got, _, err := read(t.Context(), l, "file", "", 0, -1); got != "ours, too" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

// TestDroppedBlocks is what a commit says after Azure has dropped its blocks, because
// somebody else has written the blob.
func TestDroppedBlocks(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.seed(t, "file", "old")
	old, err := l.Stat(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	u, err := l.Upload(t.Context(), "file", "", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	parts := sendAll(t, u, "ours")
	// A commit of others drops all blocks; Azurite forgets them only then.
	theirs := uploaded(t, l.Backend, "file", backends.Meta{}, backends.Cond{}, "theirs")
	for _, tt := range []struct {
		c    backends.Cond
		want error
	}{
		{backends.Cond{Version: old.Version}, backends.ErrChanged},
		{backends.Cond{Absent: true}, iofs.ErrExist},
		{backends.Cond{}, backends.ErrNoUpload},
		{backends.Cond{Version: theirs.Version}, backends.ErrNoUpload},
	} {
		_, err := u.Commit(t.Context(), parts, tt.c)
		if !errors.Is(err, tt.want) {
			t.Errorf("%+v: got %v, want %v", tt.c, err, tt.want)
		}
		checkError(t, err)
	}
	if got, _, err := read(t.Context(), l, "file", theirs.Version, 0, -1); got != "theirs" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestNeverCommittedTwice commits an upload again after another one has appended to its
// file, keeping all blocks: that must not undo the appending.
func TestNeverCommittedTwice(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	u, err := l.Upload(t.Context(), "log", "", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	parts := sendAll(t, u, "one ")
	first, err := u.Commit(t.Context(), parts, backends.Cond{})
	if err != nil {
		t.Fatal(err)
	}
	more, err := l.Upload(t.Context(), "log", "", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := more.CopyPart(t.Context(), 1, "log", first.Version, 0, first.Size)
	if err != nil {
		t.Fatal(err)
	}
	two, err := more.Part(t.Context(), 2, strings.NewReader("two"), 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := more.Commit(t.Context(), []backends.Part{kept, two}, backends.Cond{Version: first.Version}); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Commit(t.Context(), parts, backends.Cond{}); !errors.Is(err, backends.ErrNoUpload) {
		t.Errorf("got %v, want %v", err, backends.ErrNoUpload)
	}
	if got, _, err := read(t.Context(), l, "log", "", 0, -1); got != "one two" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestUploadCarries has the id of an upload bring along what the blob is to carry.
func TestUploadCarries(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	m := backends.Meta{ModTime: time.Unix(5, 6), Mode: 0o100640, ContentType: "text/odd", Xattrs: map[string][]byte{"user.a": []byte("b")}}
	u, err := l.Upload(t.Context(), "file", "", m)
	if err != nil {
		t.Fatal(err)
	}
	parts := sendAll(t, u, "text", "")
	again, err := l.Upload(t.Context(), "file", u.ID(), backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Commit(t.Context(), parts, backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	e, err := l.Stat(t.Context(), "file")
	if err != nil || !e.Meta.ModTime.Equal(m.ModTime) || e.Meta.Mode != m.Mode || e.Meta.ContentType != m.ContentType || string(e.Meta.Xattrs["user.a"]) != "b" {
		t.Errorf("it carries %+v, %v; want %+v", e.Meta, err, m)
	}
	for _, id := range []string{"x", "x:%", "x:bm8", ":"} {
		if _, err := l.Upload(t.Context(), "file", id, m); !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("id %q: got %v, want %v", id, err, iofs.ErrInvalid)
		}
	}
}

// TestCopiesInBlocks copies what is larger than one request copies, with all that it
// carries, and nothing when the original has changed.
func TestCopiesInBlocks(t *testing.T) {
	t.Parallel()
	w := watch(t, func(c *Config) { c.MaxCopy = 1000 })
	text := content(3500)
	_, err := w.raw.NewBlockBlobClient("src").UploadBuffer(t.Context(), []byte(text), &blockblob.UploadBufferOptions{
		Metadata:    unfold(map[string]string{"colour": "red", "sd_mode": "33188"}),
		HTTPHeaders: &blob.HTTPHeaders{BlobContentType: some("text/odd"), BlobCacheControl: some("max-age=5")},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.seed(t, "dst", "old")
	src, err := w.Stat(t.Context(), "src")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []backends.CopyOptions{
		{Source: src.Version + "0", Size: src.Size}, {Source: src.Version, Size: src.Size, Cond: backends.Cond{Absent: true}},
	} {
		if _, err := w.Copy(t.Context(), "dst", "src", o); err == nil {
			t.Errorf("%+v: it was copied", o)
		}
	}
	if got, _, err := read(t.Context(), w, "dst", "", 0, -1); got != "old" || err != nil {
		t.Fatalf("after failed copies dst holds %q, %v", got, err)
	}
	w.forget()
	e, err := w.Copy(t.Context(), "dst", "src", backends.CopyOptions{Source: src.Version, Size: src.Size, Meta: &backends.Meta{Mode: 0o100600}})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.counts(); got["PARTCOPY"] != 4 || got["COMPLETE"] != 1 {
		t.Errorf("it took %v", got)
	}
	at, out, err := w.look(t.Context(), "dst", e.Version)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := read(t.Context(), w, "dst", e.Version, 0, -1); got != text || err != nil {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	if at.Meta.Mode != 0o100600 || fold(out.Metadata)["colour"] != "red" || deref(out.ContentType) != "text/odd" || deref(out.CacheControl) != "max-age=5" {
		t.Errorf("it carries %+v, %v, %v", at.Meta, out.Metadata, deref(out.CacheControl))
	}
}
