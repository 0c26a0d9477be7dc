package identity

import (
	"math/rand/v2"
	"testing"

	"lukechampine.com/blake3/guts"
)

// The kernel for this processor gives what the module's does, at any place of a file.
func TestSubtree(t *testing.T) {
	if !wide {
		t.Skip("this processor has no AVX-512")
	}
	rng := rand.New(rand.NewPCG(5, 6))
	data := random(wideSize)
	for _, size := range []int{groupSize, 2 * groupSize, 4 * groupSize, wideSize} {
		counters := []uint64{0, groupChunks, 1<<32 - wideChunks, 1 << 32, 1<<40 + groupChunks, 1<<54 - wideChunks}
		for range 50 {
			counters = append(counters, rng.Uint64N(1<<50)&^(groupChunks-1))
		}
		for _, counter := range counters {
			got := guts.ChainingValue(subtree(data[:size], counter))
			want := guts.ChainingValue(subtreeByGroups(data[:size], counter))
			if got != want {
				t.Fatalf("%d bytes at chunk %d: %x, want %x", size, counter, got, want)
			}
			data[rng.IntN(size)]++
		}
	}
	if n := testing.AllocsPerRun(10, func() { subtree(data, 0) }); n != 0 {
		t.Errorf("subtree allocates %v times, want 0", n)
	}
}

// FuzzHasher compares with bytes and pieces that somebody else thinks of.
func FuzzHasher(f *testing.F) {
	f.Add([]byte("abc"), uint32(1))
	f.Add(make([]byte, 3*groupSize), uint32(groupSize))
	f.Fuzz(func(t *testing.T, data []byte, piece uint32) {
		n := int(piece%wideSize) + 1
		h := New()
		for rest := data; len(rest) > 0; {
			k := min(n, len(rest))
			h.Write(rest[:k])
			rest = rest[k:]
		}
		if got, want := h.Sum(), reference(data); got != want {
			t.Errorf("%d bytes in pieces of %d: %v, want %v", len(data), n, got, want)
		}
	})
}
