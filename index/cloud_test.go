//go:build linux

package index_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/mem"
	"sd/backends/s3"
	"sd/index"
	"sd/internal/netproxy"
	"sd/internal/testserver"
	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// cloudWorld is a world with one bucket, which open opens.
type cloudWorld struct {
	*world
	place catalog.Place
}

func newCloudWorld(t testing.TB, open func() (backends.Backend, error)) *cloudWorld {
	t.Helper()
	lib, err := library.Open(context.Background(), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lib.Close() })
	r, err := resolver.New(lib, map[sdpath.Service]resolver.Factory{
		sdpath.S3: func(context.Context, library.Volume) (backends.Backend, error) { return open() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	v, err := r.AddCloud(context.Background(), resolver.CloudVolume{Service: sdpath.S3, Identifier: "bucket"})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, lib: lib, x: index.New(index.Config{Library: lib, Resolver: r})}
	return &cloudWorld{world: w, place: catalog.VolumePlace(v.Fingerprint)}
}

func (w *cloudWorld) add(path string, rules library.Rules) library.Location {
	w.t.Helper()
	loc, err := w.lib.AddLocation(context.Background(), library.Location{Name: "cloud " + path, Place: w.place, Path: path, Rules: rules})
	w.must(err)
	return loc
}

// keys are the files that the catalog has of the volume.
func (w *cloudWorld) keys() []string {
	w.t.Helper()
	return slices.Sorted(maps.Keys(w.files(w.place, "")))
}

// bucket opens a bucket of a test server.
func bucket(endpoint string) func() (backends.Backend, error) {
	return func() (backends.Backend, error) {
		return s3.New(s3.Config{Bucket: "bucket", Endpoint: endpoint, Region: testserver.Region, AccessKeyID: testserver.AccessKey, Secret: func() (string, string, error) { return testserver.SecretKey, "", nil }})
	}
}

// 2,500 objects are listed by three requests, and nothing else is asked.
func TestCloudRequests(t *testing.T) {
	server := testserver.Gofakes3(t, "bucket")
	err := server.Fill(t.Context(), "bucket", 2500, func(i int) (string, []byte) {
		return fmt.Sprintf("album %d/photo %04d.jpg", i%7, i), []byte(fmt.Sprint("photo ", i))
	})
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := netproxy.NewFaults(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	w := newCloudWorld(t, bucket(proxy.URL()))
	loc := w.add("", library.Rules{})
	for range 2 {
		proxy.Forget()
		r := w.scan(loc)
		if got := proxy.Counts(); got["LIST"] != 3 || len(got) != 1 {
			t.Errorf("a scan asked %v, want 3 LIST", got)
		}
		if r.Files != 2500 || r.Folders != 8 {
			t.Errorf("the scan reports %+v", r)
		}
	}
	f := w.files(w.place, "")["album 3/photo 0003.jpg"]
	if f.Size != int64(len("photo 3")) || f.Kind != catalog.KindImage || !strings.HasPrefix(f.Sums, "md5:") || f.Version == "" || f.ModTime == 0 {
		t.Errorf("an object is known as %+v", f)
	}
	w.must(server.Delete(t.Context(), "bucket", "album 3/photo 0003.jpg"))
	w.must(server.PutString(t.Context(), "bucket", "album 3/photo 0010.jpg", "changed"))
	w.must(server.PutString(t.Context(), "bucket", "new/a", "new"))
	want := map[string]index.What{"album 3/photo 0003.jpg": index.Stale, "album 3/photo 0010.jpg": index.SizeDiffers, "new": index.Missing, "new/a": index.Missing}
	if got := w.differences(loc); !maps.Equal(got, want) {
		t.Errorf("the catalog differs in %v, want %v", got, want)
	}
	if r := w.scan(loc); r.Added != 1 || r.Changed != 1 || r.Removed != 1 || r.Files != 2500 {
		t.Errorf("the scan reports %+v", r)
	}
	if got := w.differences(loc); len(got) != 0 {
		t.Errorf("the catalog differs in %v", got)
	}
}

// Keys that no file system could hold are kept as they are.
func TestCloudOddKeys(t *testing.T) {
	server := testserver.Gofakes3(t, "bucket")
	keys := []string{"a", "a/b", "a//b", "a-b", "a0", "d/", "e//", "x/./y", "x/../y", "\n", "ü/ü", "a/b/c", "z z/ /.", strings.Repeat("n", 300) + "/f"}
	for _, key := range keys {
		w := "content of " + key
		if err := server.PutString(t.Context(), "bucket", key, w); err != nil {
			t.Fatal(err)
		}
	}
	want := server.Keys(t, "bucket", "")
	slices.Sort(want)
	w := newCloudWorld(t, bucket(server.URL))
	loc := w.add("", library.Rules{All: true})
	w.scan(loc)
	if got := w.keys(); !slices.Equal(got, want) {
		t.Errorf("the catalog has\n\t%q, want\n\t%q", got, want)
	}
	for _, key := range want {
		if _, _, err := w.lib.Catalog().FindFile(t.Context(), w.place, key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	if r := w.scan(loc); r.Added+r.Changed+r.Removed != 0 {
		t.Errorf("a second scan reports %+v", r)
	}
	if got := w.differences(loc); len(got) != 0 {
		t.Errorf("the catalog differs in %v", got)
	}
}

// A list that breaks off drops nothing of what lies behind it; a bucket that is gone drops nothing.
func TestCloudBrokenList(t *testing.T) {
	broken := errors.New("broken")
	var fail func(op, name string) error
	store := mem.New(mem.Config{PageSize: 10, Before: func(_ context.Context, op, name string) error {
		if fail != nil {
			return fail(op, name)
		}
		return nil
	}})
	put := func(name, content string) {
		t.Helper()
		if _, err := store.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), backends.Meta{}, backends.Cond{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		put(fmt.Sprintf("%d/%02d", i/25, i), "x")
	}
	w := newCloudWorld(t, func() (backends.Backend, error) { return store, nil })
	loc := w.add("", library.Rules{})
	w.scan(loc)
	all := w.keys()
	if len(all) != 100 {
		t.Fatalf("the catalog has %d files", len(all))
	}
	for _, name := range []string{"0/03", "3/98"} {
		w.must(store.Remove(t.Context(), name, backends.Cond{}))
	}
	pages := 0
	fail = func(string, string) error {
		if pages++; pages > 4 {
			return broken
		}
		return nil
	}
	if _, err := w.x.Scan(t.Context(), loc, index.Control{}); !errors.Is(err, broken) {
		t.Fatalf("got %v, want %v", err, broken)
	}
	if got := w.keys(); len(got) != 99 || slices.Contains(got, "0/03") || !slices.Contains(got, "3/98") {
		t.Errorf("after a broken list, the catalog has %d files", len(got))
	}
	fail = func(string, string) error { return os.ErrNotExist }
	if _, err := w.x.Scan(t.Context(), loc, index.Control{}); !errors.Is(err, index.ErrRoot) {
		t.Fatalf("got %v, want ErrRoot", err)
	}
	if got := w.keys(); len(got) != 99 {
		t.Errorf("without a bucket, the catalog has %d files", len(got))
	}
	fail = nil
	w.scan(loc)
	if got := w.keys(); len(got) != 98 {
		t.Errorf("the catalog has %d files, want 98", len(got))
	}
}

// Random changes to a store, and scans of all or of a part: the catalog then has what the
// store has, and an object of the same version keeps its content.
func TestCloudRandom(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { cloudRandom(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func cloudRandom(t *testing.T, rnd *rand.Rand) {
	store := mem.New(mem.Config{PageSize: 7})
	w := newCloudWorld(t, func() (backends.Backend, error) { return store, nil })
	loc := w.add([]string{"", "b"}[rnd.IntN(2)], library.Rules{All: true})
	segment := func() string { return []string{"a", "b", "a-b", "a0", "c", ".h", "a.jpg", ""}[rnd.IntN(8)] }
	objects := map[string]string{}
	inside := func(name string) bool { return loc.Holds(w.place, name) && name != loc.Path }
	for step := range 40 {
		for range rnd.IntN(12) {
			name := segment()
			for rnd.IntN(3) > 0 {
				name += "/" + segment()
			}
			if name == "" || strings.HasSuffix(name, "/") {
				name += "a" // else it would be a folder's
			}
			switch rnd.IntN(5) {
			case 0:
				for have := range objects {
					if have == name || strings.HasPrefix(have, name+"/") {
						w.must(store.Remove(t.Context(), have, backends.Cond{}))
						delete(objects, have)
					}
				}
			default:
				content := strings.Repeat("x", rnd.IntN(4))
				if _, err := store.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), backends.Meta{}, backends.Cond{}); err == nil {
					objects[name] = content
				}
			}
		}
		dir := sdpath.JoinKey(loc.Path, segment())
		if rnd.IntN(3) == 0 && loc.Path == "" {
			dir = "/" + segment()
		}
		if rnd.IntN(2) == 0 && dir != "" {
			_, err := w.x.ScanFolder(t.Context(), loc, dir, false)
			w.must(err)
			for _, key := range w.keys() {
				if _, ok := objects[key]; !ok && strings.HasPrefix(key, dir+"/") {
					t.Fatalf("step %d: after a scan of %q the catalog has %q", step, dir, key)
				}
			}
			for key := range objects {
				if !strings.HasPrefix(key, dir+"/") {
					continue
				}
				if _, _, err := w.lib.Catalog().FindFile(t.Context(), w.place, key); err != nil {
					t.Fatalf("step %d: after a scan of %q: %v", step, dir, err)
				}
			}
			continue
		}
		w.scan(loc)
		got := w.files(w.place, "")
		for name, content := range objects {
			f, ok := got[name]
			if inside(name) != ok || ok && f.Size != int64(len(content)) {
				t.Fatalf("step %d: %q is known as %+v (%v), want %d bytes", step, name, f, ok, len(content))
			}
		}
		for name := range got {
			if _, ok := objects[name]; !ok {
				t.Fatalf("step %d: the catalog has %s", step, name)
			}
		}
		if d := w.differences(loc); len(d) != 0 {
			t.Fatalf("step %d: the catalog differs in %v", step, d)
		}
	}
}

// busyExports is a store whose documents cannot be had for a while.
type busyExports struct {
	*mem.Store
	busy bool
}

func (b *busyExports) Stat(ctx context.Context, name string) (backends.Entry, error) {
	if b.busy {
		return backends.Entry{}, errors.New("the export is too large for now")
	}
	return b.Store.Stat(ctx, name)
}

// A document that could not be had is asked for again by the next scan, though it has not changed;
// one that was had is not.
func TestCloudDocumentIsAskedForAgain(t *testing.T) {
	drive := &busyExports{mem.New(mem.Config{}), true}
	w := newCloudWorld(t, func() (backends.Backend, error) { return drive, nil })
	w.must(drive.Store.Document("Plan.docx", "the plan"))
	loc := w.add("", library.Rules{})
	for _, busy := range []bool{true, false, true} {
		drive.busy = busy
		w.scan(w.again(loc))
	}
	if f := w.files(w.place, "")["Plan.docx"]; f.Size != int64(len("the plan")) || f.Version == "" {
		t.Errorf("the catalog has %d bytes of version %q, want %d of some version", f.Size, f.Version, len("the plan"))
	}
}

// A scan of a volume at 30 ms, for figures: SD_BENCH_FILES objects.
func BenchmarkScanCloud(b *testing.B) {
	server, err := testserver.StartGofakes3(b.Context())
	if err != nil {
		b.Skip(err)
	}
	defer server.Stop()
	if err := server.MakeBucket(b.Context(), "bucket"); err != nil {
		b.Fatal(err)
	}
	n := benchFiles()
	if err := server.Fill(b.Context(), "bucket", n, func(i int) (string, []byte) {
		return fmt.Sprintf("part %d/album %03d/photo %07d.jpg", i%10, i/1000, i), nil
	}); err != nil {
		b.Fatal(err)
	}
	counts, err := netproxy.NewFaults(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	defer counts.Close()
	link, err := netproxy.NewLink(counts.Addr(), netproxy.Config{RTT: 30 * time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	defer link.Close()
	w := newCloudWorld(b, bucket(link.URL()))
	loc := w.add("", library.Rules{})
	for _, name := range []string{"first", "again"} {
		b.Run(name, func(b *testing.B) {
			if b.N > 1 {
				return
			}
			counts.Forget()
			r := w.scan(loc)
			if r.Files != int64(n) {
				b.Fatal(r)
			}
			b.ReportMetric(float64(n)/r.Took.Seconds(), "objects/s")
			b.ReportMetric(float64(counts.Count("LIST")), "LISTs")
			b.ReportMetric(float64(counts.Count("")-counts.Count("LIST")), "others")
		})
	}
}
