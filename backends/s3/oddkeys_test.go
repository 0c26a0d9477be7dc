package s3

import (
	"slices"
	"strings"
	"testing"

	"sd/backends/backendtest"
	"sd/internal/testserver"
	"sd/sdpath"
)

// shown is how a mount shows keys.
var shown = backendtest.Paths{
	JoinKey: sdpath.JoinKey, SplitKey: sdpath.SplitKey,
	Escape: sdpath.Escape, EscapeTwin: sdpath.EscapeTwin, EscapeKey: sdpath.EscapeKey,
}

// TestOddKeysAreListedOnce puts odd keys into one bucket, and finds each of them at one
// place, by which it can be read, copied and removed.
func TestOddKeysAreListedOnce(t *testing.T) {
	t.Parallel()
	rng := backendtest.Seeded(t)
	server := testserver.Gofakes3(t, bucket)
	b := open(t, server.URL, nil)
	// That server overlooks slashes at the beginning of a key, and takes the source of a
	// copy for metadata, of which it holds 2,000 bytes.
	keys := backendtest.OddKeys(rng, 2000, func(key string) bool {
		return listable(key) && !strings.ContainsRune(key, '\r') && key[0] != '/' && len(escape(key)) < 1500
	})
	if err := server.Fill(t.Context(), bucket, len(keys), func(i int) (string, []byte) { return keys[i], []byte(backendtest.BytesOf(keys[i])) }); err != nil {
		t.Fatal(err)
	}
	backendtest.WantKeys(t, b, keys, shown)
	rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	backendtest.UseKeys(t, b, keys[:400])
}

// TestManyOddKeys lists 10,000 keys of all kinds as S3 lists them, most of which no server
// for tests can.
func TestManyOddKeys(t *testing.T) {
	t.Parallel()
	keys := backendtest.OddKeys(backendtest.Seeded(t), 10_000, func(string) bool { return true })
	b := strange(t, listing(slices.Clone(keys), backendtest.SizeOf, 1000))
	backendtest.WantKeys(t, b, keys, shown)
}
