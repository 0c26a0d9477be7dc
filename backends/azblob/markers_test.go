package azblob

import (
	"errors"
	iofs "io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/backendtest"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
)

var folder = map[string]string{"hdi_isfolder": "true"}

// TestMarkers reads the folders of all kinds that other tools make, and removes them.
func TestMarkers(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(c *Config) { c.PageSize = 2 })
	l.seedWith(t, "made", "", folder)
	l.seedWith(t, "Made-2", "", map[string]string{"Hdi_IsFolder": "True"})
	l.seedWith(t, "slash/", "", nil)
	l.seedWith(t, "both", "", folder)
	l.seedWith(t, "both/", "", folder)
	l.seedWith(t, "full", "", folder)
	l.seed(t, "full/in", "x", "implied/in", "y", "empty", "")
	want := []string{"Made-2/", "both/", "empty", "full/", "implied/", "made/", "slash/"}
	got := names(t, l, "")
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("list: got %q, want %q", got, want)
	}
	for _, dir := range []string{"made", "Made-2", "slash", "both"} {
		if got := names(t, l, dir); len(got) != 0 {
			t.Errorf("list %q: got %q", dir, got)
		}
		for what, stat := range map[string]func() (backends.Entry, error){
			"Stat":    func() (backends.Entry, error) { return l.Stat(t.Context(), dir) },
			"StatDir": func() (backends.Entry, error) { return l.StatDir(t.Context(), dir) },
		} {
			if e, err := stat(); err != nil || e.Kind != backends.Dir || e.Name != dir {
				t.Errorf("%s %q: got %+v, %v", what, dir, e, err)
			}
		}
		if _, _, err := l.Get(t.Context(), dir, "", 0, -1); !errors.Is(err, backends.ErrIsDir) && !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("get %q: got %v", dir, err)
		}
		if err := l.Remove(t.Context(), dir, backends.Cond{}); !errors.Is(err, backends.ErrIsDir) && !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("remove %q: got %v", dir, err)
		}
		if err := l.Mkdir(t.Context(), dir); !errors.Is(err, iofs.ErrExist) {
			t.Errorf("mkdir %q: got %v", dir, err)
		}
		if err := l.Rmdir(t.Context(), dir); err != nil {
			t.Errorf("rmdir %q: %v", dir, err)
		}
		if e, err := l.Stat(t.Context(), dir); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("stat %q after rmdir: got %+v, %v", dir, e, err)
		}
	}
	for name, want := range map[string]error{"full": backends.ErrNotEmpty, "implied": backends.ErrNotEmpty, "empty": backends.ErrNotDir, "none": iofs.ErrNotExist} {
		if err := l.Rmdir(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("rmdir %q: got %v, want %v", name, err, want)
		}
	}
	if _, err := l.put(t, "full", "x", backends.Meta{}, backends.Cond{Absent: true}); !errors.Is(err, iofs.ErrExist) {
		t.Errorf("put over a folder that must not exist: got %v, want %v", err, iofs.ErrExist)
	}
}

// TestMkdirIsSeenByOthers makes the kind of folder that other tools know.
func TestMkdirIsSeenByOthers(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	if err := l.Mkdir(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	out, err := l.raw.NewBlobClient("a/b").GetProperties(t.Context(), nil)
	if err != nil || fold(out.Metadata)["hdi_isfolder"] != "true" || *out.ContentLength != 0 {
		t.Errorf("got %v, %v, want an empty blob with hdi_isfolder", out.Metadata, err)
	}
}

// TestOddNames lists names that no POSIX name can hold, and reaches each of them again.
func TestOddNames(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(c *Config) { c.PageSize = 2 })
	l.seed(t, "x", "1", "x/y", "1", "a//b", "1", "a///c", "1", "/lead", "1", "/deep/er", "1", "//two", "1", "full/", "1", "per%cent", "1", "pl+us", "1", "q?a=b#c", "1")
	for dir, want := range map[string][]string{
		"":  {"//", "/deep/", "/lead", "a/", "full/", "per%cent", "pl+us", "q?a=b#c", "x", "x/"},
		"a": {"/"}, "a/": {"/", "b"}, "a//": {"c"}, "/": {"two"}, "/deep": {"er"}, "full": {""}, "x": {"y"},
	} {
		got := names(t, l, dir)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("list %q:\n got %q\nwant %q", dir, got, want)
		}
	}
	files := []string{"x", "x/y", "a//b", "a///c", "/lead", "/deep/er", "//two", "full/", "per%cent", "pl+us", "q?a=b#c"}
	for _, name := range files {
		if got, e, err := read(t.Context(), l, name, "", 0, -1); got != "1" || e.Name != name || err != nil {
			t.Errorf("get %q: got %q, %+v, %v", name, got, e, err)
		}
	}
	for name, kind := range map[string]backends.Kind{"x": backends.Dir, "full": backends.Dir, "a/": backends.Dir, "/": backends.Dir, "/lead": backends.File} {
		if e, err := l.StatDir(t.Context(), name); err != nil || e.Kind != kind || e.Name != name {
			t.Errorf("stat of folder %q: got %+v, %v", name, e, err)
		}
	}
	var walked []string
	err := l.Walk(t.Context(), "", "", func(page []backends.Entry) error {
		for _, e := range page {
			walked = append(walked, e.Name)
		}
		return nil
	})
	slices.Sort(files)
	if !slices.Equal(walked, files) || err != nil {
		t.Errorf("walk:\n got %q, %v\nwant %q", walked, err, files)
	}
	for _, name := range files {
		if err := l.Remove(t.Context(), name, backends.Cond{}); err != nil {
			t.Errorf("remove %q: %v", name, err)
		}
	}
	if got := names(t, l, ""); len(got) != 0 {
		t.Errorf("%q is left", got)
	}
}

// TestMetaOfOthers reads what rclone and AzCopy write, keeps what it does not know, and
// believes no checksum of a blob that was appended to.
func TestMetaOfOthers(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	_, err := l.raw.NewBlockBlobClient("file.txt").UploadBuffer(t.Context(), []byte("text"), &blockblob.UploadBufferOptions{
		Metadata:    unfold(map[string]string{"mtime": "2021-02-03T04:05:06.789012345+01:00", "Colour": "red", "sd_mode": "0644"}),
		HTTPHeaders: &blob.HTTPHeaders{BlobContentType: some("text/odd"), BlobCacheControl: some("max-age=5"), BlobContentLanguage: some("de")},
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := l.Stat(t.Context(), "file.txt")
	if want := time.Date(2021, 2, 3, 3, 5, 6, 789012345, time.UTC); err != nil || !e.Meta.ModTime.Equal(want) || e.Meta.Mode != 0o644 {
		t.Fatalf("got %+v, %v", e.Meta, err)
	}
	changed, err := setMeta(t, l.Backend, "file.txt", e.Version, backends.Meta{Mode: 0o100600, ModTime: time.Unix(7, 0), ContentType: "text/new"})
	if err != nil || changed.Version == e.Version || len(changed.Sums) != 1 {
		t.Fatalf("got %+v, %v", changed, err)
	}
	at, out, err := l.look(t.Context(), "file.txt", changed.Version)
	if err != nil {
		t.Fatal(err)
	}
	if h := fold(out.Metadata); h["colour"] != "red" || h["mtime"] != "1970-01-01T00:00:07Z" || at.Meta.ContentType != "text/new" ||
		deref(out.CacheControl) != "max-age=5" || deref(out.ContentLanguage) != "de" || len(at.Sums) != 1 {
		t.Errorf("it carries %v, %+v, sums %v", out.Metadata, at.Meta, at.Sums)
	}
	if got, _, err := read(t.Context(), l, "file.txt", changed.Version, 0, -1); got != "text" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := setMeta(t, l.Backend, "file.txt", e.Version, backends.Meta{}); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("metadata of an old version: got %v, want %v", err, backends.ErrChanged)
	}

	appended := l.raw.NewAppendBlobClient("log")
	if _, err := appended.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := appended.AppendBlock(t.Context(), nopCloser{strings.NewReader("line")}, nil); err != nil {
		t.Fatal(err)
	}
	if got, e, err := read(t.Context(), l, "log", "", 0, -1); got != "line" || len(e.Sums) != 0 || err != nil {
		t.Errorf("got %q, %+v, %v", got, e, err)
	}
}

// TestTiers tells of tiers other than the usual, in all replies alike.
func TestTiers(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	for tier, want := range map[blob.AccessTier]string{blob.AccessTierHot: "", blob.AccessTierCool: "COOL", blob.AccessTierArchive: "ARCHIVE"} {
		name := "of " + string(tier)
		l.seed(t, name, "text")
		if _, err := l.raw.NewBlobClient(name).SetTier(t.Context(), tier, nil); err != nil {
			t.Fatal(err)
		}
		e, err := l.Stat(t.Context(), name)
		if err != nil || e.Class != want {
			t.Errorf("Stat of %q: got class %q, %v, want %q", name, e.Class, err, want)
		}
		err = l.List(t.Context(), "", func(page []backends.Entry) error {
			for _, at := range page {
				if at.Name == name && at.Class != want {
					t.Errorf("List of %q: got class %q, want %q", name, at.Class, want)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		_, _, err = read(t.Context(), l, name, "", 0, -1)
		if archived := errors.Is(err, iofs.ErrPermission); archived != (want == "ARCHIVE") {
			t.Errorf("Get of %q: got %v", name, err)
		}
	}
}

// TestPeers certifies copies between containers of one account.
func TestPeers(t *testing.T) {
	t.Parallel()
	endpoint := middle(t, nil)
	at := func(t *testing.T, change func(*Config)) backends.Backend {
		return open(t, func(c *Config) {
			c.Container, c.Endpoint = fresh(t), endpoint
			if change != nil {
				change(c)
			}
		})
	}
	backendtest.RunPeers(t, func(t *testing.T) (to, from, strange backends.Backend) {
		name := fresh(t)
		all := sas.ContainerPermissions{Read: true, Create: true, Write: true, Delete: true, List: true}
		return at(t, nil), at(t, nil), at(t, func(c *Config) {
			ofSAS(signature(t, name, all, time.Now().Add(time.Hour)))(c)
			c.Container = name
		})
	}, backendtest.Options{CanHold: holds, FileAndDir: true, WholePart: 100_000, FewNames: true})
}
