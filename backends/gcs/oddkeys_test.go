package gcs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unicode/utf8"

	"sd/backends"
	"sd/sdpath"

	"golang.org/x/sync/errgroup"
)

// listing answers as the service does about a bucket of these keys.
func listed(keys []string, size func(key string) int64) http.HandlerFunc {
	slices.Sort(keys)
	describe := func(key string) map[string]any {
		return map[string]any{"name": key, "size": strconv.FormatInt(size(key), 10), "generation": "7", "metageneration": "1"}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if op(r) != "LIST" {
			_, name, _ := strings.Cut(r.URL.Path, "/o/")
			if _, ok := slices.BinarySearch(keys, name); !ok {
				http.Error(w, "No such object", http.StatusNotFound)
				return
			}
			json.NewEncoder(w).Encode(describe(name))
			return
		}
		prefix, delimiter := q.Get("prefix"), q.Get("delimiter")
		most, _ := strconv.Atoi(q.Get("maxResults"))
		most = min(cmp.Or(most, 1000), 1000)
		items, prefixes, token := []map[string]any{}, []string{}, ""
		from, _ := slices.BinarySearch(keys, max(prefix, q.Get("startOffset")))
		if q.Has("pageToken") {
			from, _ = strconv.Atoi(q.Get("pageToken"))
		}
		for i := from; i < len(keys) && strings.HasPrefix(keys[i], prefix); i++ {
			if len(items)+len(prefixes) == most {
				token = strconv.Itoa(i)
				break
			}
			if at := strings.Index(keys[i][len(prefix):], "/"); delimiter != "" && at >= 0 {
				below := keys[i][:len(prefix)+at+1]
				prefixes = append(prefixes, below)
				for i+1 < len(keys) && strings.HasPrefix(keys[i+1], below) {
					i++
				}
				continue
			}
			items = append(items, describe(keys[i]))
		}
		json.NewEncoder(w).Encode(map[string]any{"items": items, "prefixes": prefixes, "nextPageToken": token})
	}
}

// TestPages has the service's own size: 2,500 names are three requests.
func TestPages(t *testing.T) {
	t.Parallel()
	keys := make([]string, 2500)
	for i := range keys {
		keys[i] = fmt.Sprintf("dir/%05d", i)
	}
	b := strange(t, listed(keys, func(string) int64 { return 1 }))
	if got := names(t, b, "dir"); len(got) != len(keys) || got[2499] != "02499" {
		t.Errorf("listed %d names", len(got))
	}
	if n := b.Stats().Requests["LIST"]; n != 3 {
		t.Errorf("made %d requests, want 3", n)
	}
}

// oddKeys makes n keys that fits lets pass, in some hundred folders. Those that end in a
// slash are markers, or files with an empty name if they are to have bytes.
func oddKeys(rng *rand.Rand, n int, fits func(key string) bool) []string {
	atoms := []string{
		"", "", ".", "..", "%", "%%", "%2F", "%file", "+", " ", "a", "b", "x", "\n", "\t", "é", "e\u0301", "日", "🙂", "\\", "*", "?", "&", "<", "'",
		"\u007f", "\ufffd", strings.Repeat("n", 256), strings.Repeat("é", 130), "%#" + strings.Repeat("0", 32),
		"\x00", "\x01", "\r", "\xff", "\xc3",
	}
	segment := func(max int) string {
		var b strings.Builder
		for range rng.IntN(max + 1) {
			b.WriteString(atoms[rng.IntN(len(atoms))])
		}
		return b.String()
	}
	folders := []string{"", "/", "//", "a", "a/", "a//", ".", ".."}
	for len(folders) < 300 {
		folders = append(folders, folders[rng.IntN(len(folders))]+"/"+segment(2))
	}
	seen := map[string]bool{"": true}
	var keys []string
	for len(keys) < n {
		key := folders[rng.IntN(len(folders))] + "/" + segment(3)
		if rng.IntN(3) == 0 { // a file beside a folder, or a key of the root
			key = strings.TrimPrefix(folders[rng.IntN(len(folders))]+segment(3), "/")
		}
		if !seen[key] && len(key) <= 900 && fits(key) {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	return keys
}

// bytesOf is what the odd key is given as content: nothing if it is that of a marker,
// which every other one that ends in a slash is.
func bytesOf(key string) string {
	if marks(key) && len(key)%2 == 0 {
		return ""
	}
	return "content of " + key
}

// holds is the service's rule for keys.
func holds(key string) bool {
	return utf8.ValidString(key) && !strings.ContainsAny(key, "\r\n") && key != "." && key != ".."
}

// TestOddKeysAreListedOnce puts odd keys into one bucket, and finds each of them at one
// place, by which it can be read, copied and removed.
func TestOddKeysAreListedOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	keys := oddKeys(seeded(t), 200, holds)
	for _, key := range keys {
		l.server.MustPut(t, bucket, key, bytesOf(key))
	}
	wantKeys(t, l.Backend, keys, func(key string) int64 { return int64(len(bytesOf(key))) })
	for _, key := range keys[:60] {
		if bytesOf(key) != "" {
			if err := l.useKey(t, key, bytesOf(key)); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestManyOddKeys lists 10,000 keys of all kinds.
func TestManyOddKeys(t *testing.T) {
	t.Parallel()
	keys := oddKeys(seeded(t), 10_000, holds)
	size := func(key string) int64 { return int64(len(bytesOf(key))) }
	wantKeys(t, strange(t, listed(slices.Clone(keys), size)), keys, size)
}

// TestNamesThatNoObjectHas are missing when they are asked for, and refused when they are
// written, without a request.
func TestNamesThatNoObjectHas(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	for name, want := range map[string]error{
		".": syscall.EILSEQ, "..": syscall.EILSEQ, "a\nb": syscall.EILSEQ, "bad\xff": syscall.EILSEQ,
		strings.Repeat("n", 1025): backends.ErrNameTooLong,
	} {
		if _, err := l.Put(t.Context(), name, strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{}); !errors.Is(err, want) {
			t.Errorf("put %.20q: got %v, want %v", name, err, want)
		}
		if _, err := l.Upload(t.Context(), name, "", backends.Meta{}); !errors.Is(err, want) {
			t.Errorf("upload %.20q: got %v, want %v", name, err, want)
		}
		if _, _, err := l.Get(t.Context(), name, "", 0, -1); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("get %.20q: %v", name, err)
		}
		if err := l.Remove(t.Context(), name, backends.Cond{}); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("remove %.20q: %v", name, err)
		}
		if _, err := l.Stat(t.Context(), name); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("stat %.20q: %v", name, err)
		}
	}
	if err := l.Mkdir(t.Context(), ".."); err != nil {
		t.Errorf("the folder of objects below ../: %v", err)
	}
}

// seeded is a source of chance whose seed is told if the test fails.
func seeded(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// wantKeys lists the bucket folder by folder. Each key must be at one place, and
// nothing else anywhere; and no two may be shown at one path.
func wantKeys(t *testing.T, b *Backend, keys []string, size func(key string) int64) {
	t.Helper()
	var mu sync.Mutex
	found := map[string]backends.Entry{} // files by key
	folders := map[string]bool{}
	shown := map[string]string{} // paths that a mount shows, and what at
	var group errgroup.Group
	group.SetLimit(16)
	var list func(dir, path string) error
	list = func(dir, path string) error {
		var below []func() error
		err := b.List(t.Context(), dir, func(page []backends.Entry) error {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range page {
				key := sdpath.JoinKey(dir, e.Name)
				at := sdpath.JoinKey(path, sdpath.Escape(e.Name))
				if e.Kind == backends.Dir {
					if folders[key] {
						t.Errorf("folder %q is listed twice", key)
					}
					folders[key] = true
					below = append(below, func() error { return list(key, at) })
				} else {
					if _, ok := found[key]; ok {
						t.Errorf("%q is listed twice", key)
					}
					found[key] = e
					at = sdpath.JoinKey(path, sdpath.EscapeTwin(e.Name)) // if it were beside a folder
				}
				if other, ok := shown[at]; ok {
					t.Errorf("%q and %q are both shown at %q", other, key, at)
				}
				shown[at] = key
				if segments := sdpath.SplitKey(key); segments[len(segments)-1] != e.Name {
					t.Errorf("%q of folder %q ends in %q", e.Name, dir, segments[len(segments)-1])
				}
				if want := sdpath.EscapeKey(key); e.Kind == backends.Dir && at != want {
					t.Errorf("folder %q is reached at %q, want %q", key, at, want)
				}
			}
			return nil
		})
		for _, next := range below {
			if err == nil && !group.TryGo(next) {
				err = next()
			}
		}
		return err
	}
	group.Go(func() error { return list("", "") })
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}

	for _, key := range keys {
		if marked, ok := strings.CutSuffix(key, "/"); ok && marked != "" && !folders[marked] { // the root needs none
			t.Errorf("the folder of marker %q is not listed", key)
		}
		if size(key) == 0 {
			continue
		}
		if e, ok := found[key]; !ok || e.Size != size(key) {
			t.Errorf("%q is listed: %v, %+v", key, ok, e)
		}
		delete(found, key)
	}
	for key := range found {
		t.Errorf("%q is listed and was never put", key)
	}
}

// useKey reads, copies and removes a file.
func (b *Backend) useKey(t *testing.T, key, content string) error {
	ctx := t.Context()
	text, e, err := read(ctx, b, key, "", 0, -1)
	if err != nil || text != content || e.Name != key {
		return fmt.Errorf("get of %q: %q, %+v, %w", key, text, e, err)
	}
	dst := "copies/" + key
	if _, err := b.Copy(ctx, dst, key, backends.CopyOptions{Source: e.Version, Size: e.Size}); err != nil {
		return err
	}
	if text, _, err = read(ctx, b, dst, "", 0, -1); err != nil || text != content {
		return fmt.Errorf("get of the copy of %q: %q, %w", key, text, err)
	}
	if err := b.Remove(ctx, key, backends.Cond{}); err != nil {
		return err
	}
	if _, _, err := read(ctx, b, key, "", 0, -1); err == nil {
		return fmt.Errorf("%q is still there", key)
	}
	return nil
}
