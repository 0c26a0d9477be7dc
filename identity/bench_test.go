package identity

import (
	"io"
	"os"
	"testing"
)

// IDENTITY_FILE names a large file to measure with, for comparison with b3sum.
func BenchmarkFile(b *testing.B) {
	name := os.Getenv("IDENTITY_FILE")
	if name == "" {
		b.Skip("set IDENTITY_FILE to a large file")
	}
	f, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	for b.Loop() {
		if _, _, err := File(b.Context(), f, size, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSmall(b *testing.B) {
	s := new(Small)
	b.SetBytes(16 << 10)
	for b.Loop() {
		s.Identity(16 << 10)
	}
}

func BenchmarkHasher(b *testing.B) {
	p := make([]byte, 1<<20)
	h := New()
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		h.Write(p)
	}
}
