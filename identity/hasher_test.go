package identity

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"

	"lukechampine.com/blake3"
)

// random gives n bytes that are the same at every run.
func random(n int) []byte { return bytes.Clone(noise()[:n]) }

var noise = sync.OnceValue(func() []byte {
	p := make([]byte, 32<<20)
	rand.NewChaCha8([32]byte{1}).Read(p)
	return p
})

// reference is the BLAKE3 as the module computes it.
func reference(data []byte) Sum { return blake3.Sum256(data) }

// edges are sizes at which something changes.
func edges() []int {
	list := []int{1, 2, 63, 64, 65, 1023, 1024, 1025}
	for _, n := range []int{
		groupSize, 2 * groupSize, 3 * groupSize, SmallSize, SmallSize + groupSize, readSize,
		partSize, partSize + groupSize, 2 * partSize, 3 * partSize, 5*partSize + groupSize,
	} {
		list = append(list, n-1, n, n+1, n+1024, n+1025)
	}
	return list
}

func TestHasherIsBLAKE3(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range edges() {
		data := random(n)
		want := reference(data)
		for _, largest := range []int{1, 1000, groupSize, groupSize + 1, 3 * groupSize, n} {
			if largest == 1 && n > 2*groupSize {
				continue
			}
			h := New()
			for rest := data; len(rest) > 0; {
				k := min(1+rng.IntN(largest), len(rest))
				h.Write(rest[:k])
				rest = rest[k:]
			}
			if got := h.Sum(); got != want || h.Len() != int64(n) {
				t.Errorf("%d bytes in pieces of up to %d: %v, len %d, want %v", n, largest, got, h.Len(), want)
			}
		}
	}
}

func TestHasherGoesOn(t *testing.T) {
	data := random(100_000)
	h := New()
	for i := 0; i <= len(data); i += 9_973 {
		if got, want := h.Sum(), reference(data[:i]); got != want {
			t.Fatalf("after %d bytes: %v, want %v", i, got, want)
		}
		branch := *h
		branch.Write([]byte("else"))
		if got, want := branch.Sum(), reference(append(bytes.Clone(data[:i]), "else"...)); got != want {
			t.Fatalf("a copy after %d bytes: %v, want %v", i, got, want)
		}
		h.Write(data[i:min(i+9_973, len(data))])
	}
	h.Reset()
	if got := h.Sum(); got != nothing {
		t.Errorf("after Reset: %v, want %v", got, nothing)
	}
}

func TestSmall(t *testing.T) {
	s := new(Small)
	for _, n := range []int{1, 7, 8, 1024, 16 << 10, 16<<10 - 8, 16<<10 + 1, 50_000, SmallSize - 1, SmallSize} {
		data := random(n)
		copy(s.Bytes(), data)
		sum, print := s.Identity(n)
		wantPrint, err := Fingerprint(bytes.NewReader(data), int64(n))
		if want := reference(data); sum != want || print != wantPrint || err != nil {
			t.Errorf("%d bytes: %v %v, want %v %v", n, sum, print, want, wantPrint)
		}
	}
	if len(s.Bytes()) != SmallSize+1 {
		t.Errorf("Bytes is %d long, want %d", len(s.Bytes()), SmallSize+1)
	}
	if n := testing.AllocsPerRun(10, func() { s.Identity(16 << 10) }); n != 0 {
		t.Errorf("Identity allocates %v times, want 0", n)
	}
}
