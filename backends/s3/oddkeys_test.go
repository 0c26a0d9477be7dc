package s3

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"sd/backends"
	"sd/internal/testserver"
	"sd/sdpath"

	"golang.org/x/sync/errgroup"
)

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

// TestOddKeysAreListedOnce puts odd keys into one bucket, and finds each of them at one
// place, by which it can be read, copied and removed.
func TestOddKeysAreListedOnce(t *testing.T) {
	t.Parallel()
	rng := seeded(t)
	server := testserver.Gofakes3(t, bucket)
	b := open(t, server.URL, nil)
	// That server overlooks slashes at the beginning of a key, and takes the source of a
	// copy for metadata, of which it holds 2,000 bytes.
	keys := oddKeys(rng, 2000, func(key string) bool {
		return listable(key) && !strings.ContainsRune(key, '\r') && key[0] != '/' && len(escape(key)) < 1500
	})
	if err := server.Fill(t.Context(), bucket, len(keys), func(i int) (string, []byte) { return keys[i], []byte(bytesOf(keys[i])) }); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, b, keys, func(key string) int64 { return int64(len(bytesOf(key))) })
	var group errgroup.Group
	group.SetLimit(16)
	for _, i := range rng.Perm(len(keys))[:400] {
		if key := keys[i]; bytesOf(key) != "" {
			group.Go(func() error { return b.useKey(t, key, bytesOf(key)) })
		}
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// TestManyOddKeys lists 10,000 keys of all kinds as S3 lists them, most of which no server
// for tests can.
func TestManyOddKeys(t *testing.T) {
	t.Parallel()
	keys := oddKeys(seeded(t), 10_000, func(string) bool { return true })
	size := func(key string) int64 { return int64(len(bytesOf(key))) }
	b := strange(t, listing(slices.Clone(keys), size, 1000))
	wantKeys(t, b, keys, size)
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
