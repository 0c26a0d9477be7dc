package backendtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"sd/backends"

	"golang.org/x/sync/errgroup"
)

// Paths are the rules by which a mount shows keys. They are those of package sdpath, which
// this one does not import.
type Paths struct {
	JoinKey                       func(dir, seg string) string
	SplitKey                      func(key string) []string
	Escape, EscapeTwin, EscapeKey func(string) string
}

// Seeded is a source of chance whose seed is told if the test fails.
func Seeded(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// OddKeys makes n keys that fits lets pass, in some hundred folders. Those that end in a
// slash are markers, or files with an empty name if they are to have bytes.
func OddKeys(rng *rand.Rand, n int, fits func(key string) bool) []string {
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

// BytesOf is what the odd key is given as content: nothing if it is that of a marker,
// which every other one that ends in a slash is.
func BytesOf(key string) string {
	if strings.HasSuffix(key, "/") && len(key)%2 == 0 {
		return ""
	}
	return "content of " + key
}

// SizeOf is the length of BytesOf.
func SizeOf(key string) int64 { return int64(len(BytesOf(key))) }

// WantKeys lists a store folder by folder, which holds these keys with their BytesOf. Each
// must be at one place, and nothing else anywhere; and no two may be shown at one path.
func WantKeys(t *testing.T, b backends.Backend, keys []string, paths Paths) {
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
				key := paths.JoinKey(dir, e.Name)
				at := paths.JoinKey(path, paths.Escape(e.Name))
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
					at = paths.JoinKey(path, paths.EscapeTwin(e.Name)) // if it were beside a folder
				}
				if other, ok := shown[at]; ok {
					t.Errorf("%q and %q are both shown at %q", other, key, at)
				}
				shown[at] = key
				if segments := paths.SplitKey(key); segments[len(segments)-1] != e.Name {
					t.Errorf("%q of folder %q ends in %q", e.Name, dir, segments[len(segments)-1])
				}
				if want := paths.EscapeKey(key); e.Kind == backends.Dir && at != want {
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
		if SizeOf(key) == 0 {
			continue
		}
		if e, ok := found[key]; !ok || e.Size != SizeOf(key) {
			t.Errorf("%q is listed: %v, %+v", key, ok, e)
		}
		delete(found, key)
	}
	for key := range found {
		t.Errorf("%q is listed and was never put", key)
	}
}

// UseKeys reads, copies and removes those of the keys that are files, several at a time.
func UseKeys(t *testing.T, b backends.Backend, keys []string) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	for _, key := range keys {
		if SizeOf(key) > 0 {
			group.Go(func() error {
				if err := useKey(t.Context(), b, key); err != nil {
					t.Error(err)
				}
				return nil
			})
		}
	}
	group.Wait()
}

func useKey(ctx context.Context, b backends.Backend, key string) error {
	text, e, err := Read(ctx, b, key, "", 0, -1)
	if err != nil || text != BytesOf(key) || e.Name != key {
		return fmt.Errorf("get of %q: %q, %+v, %w", key, text, e, err)
	}
	dst := "copies/" + key
	if _, err := b.(backends.Copier).Copy(ctx, dst, key, backends.CopyOptions{Source: e.Version, Size: e.Size}); err != nil {
		return err
	}
	if text, _, err = Read(ctx, b, dst, "", 0, -1); err != nil || text != BytesOf(key) {
		return fmt.Errorf("get of the copy of %q: %q, %w", key, text, err)
	}
	if err := b.(backends.Remover).Remove(ctx, key, backends.Cond{}); err != nil {
		return err
	}
	if _, _, err := Read(ctx, b, key, "", 0, -1); err == nil {
		return fmt.Errorf("%q is still there", key)
	}
	return nil
}
