package identity

import (
	"math/rand/v2"
	"testing"
)

// TestAssembly hashes the parts of files in any order, some in another process, and gets
// what one reader from the beginning gets.
func TestAssembly(t *testing.T) {
	const part = 32 << 10
	for _, size := range []int{1, 1000, part - 1, part, part + 1, 2 * part, 3*part - 5, 4 * part, 7*part + 1, 16*part + 999, 3*part + 16<<10} {
		data := random(size)
		a, b := NewAssembly(int64(size), part), NewAssembly(int64(size), part)
		for _, i := range rand.Perm(int(a.Parts())) {
			if _, ok := a.Sum(); ok {
				t.Fatalf("%d bytes: a Sum without part %d", size, i)
			}
			hashPart(a, int64(i), data)
			if root, ok := a.Root(int64(i)); ok {
				b.Know(int64(i), root)
			} else if int64(i) != a.Parts()-1 {
				t.Errorf("%d bytes: nothing is known of part %d", size, i)
			}
		}
		if got, ok := a.Sum(); !ok || got != reference(data) {
			t.Errorf("%d bytes: got %v, %v, want %v", size, got, ok, reference(data))
		}
		last := b.Parts() - 1
		if b.Has(last) || b.Parts() > 1 && !b.Has(0) {
			t.Errorf("%d bytes: the other knows %v of the first part and %v of the last", size, b.Has(0), b.Has(last))
		}
		hashPart(b, last, data)
		if got, ok := b.Sum(); !ok || got != reference(data) {
			t.Errorf("%d bytes, gone on with: got %v, %v, want %v", size, got, ok, reference(data))
		}
	}
	if _, ok := NewAssembly(0, part).Sum(); ok {
		t.Error("an empty file has a Sum")
	}
}

// hashPart writes a part in pieces of odd sizes, after an attempt that was left.
func hashPart(a *Assembly, i int64, data []byte) {
	s := a.Span(i)
	p := data[s.Off : s.Off+s.Len]
	a.Part(i).Write(p[:len(p)/2])
	for h := a.Part(i); len(p) > 0; {
		n := min(1+rand.IntN(40<<10), len(p))
		h.Write(p[:n])
		p = p[n:]
	}
}
