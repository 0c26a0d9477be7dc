package gcs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/sdpath"
)

// listed answers as the service does about a bucket of these keys.
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

// shown is how a mount shows keys.
var shown = backendtest.Paths{
	JoinKey: sdpath.JoinKey, SplitKey: sdpath.SplitKey,
	Escape: sdpath.Escape, EscapeTwin: sdpath.EscapeTwin, EscapeKey: sdpath.EscapeKey,
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
	keys := backendtest.OddKeys(backendtest.Seeded(t), 200, holds)
	for _, key := range keys {
		l.server.MustPut(t, bucket, key, backendtest.BytesOf(key))
	}
	backendtest.WantKeys(t, l, keys, shown)
	backendtest.UseKeys(t, l, keys[:60])
}

// TestManyOddKeys lists 10,000 keys of all kinds.
func TestManyOddKeys(t *testing.T) {
	t.Parallel()
	keys := backendtest.OddKeys(backendtest.Seeded(t), 10_000, holds)
	b := strange(t, listed(slices.Clone(keys), backendtest.SizeOf))
	backendtest.WantKeys(t, b, keys, shown)
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
