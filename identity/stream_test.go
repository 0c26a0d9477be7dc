package identity

import (
	"math/rand/v2"
	"sync"
	"testing"
)

func TestStreamInOrder(t *testing.T) {
	for _, n := range []int{1, 5_000, 1 << 20, 3<<20 + 7} {
		data := random(n)
		s := NewStream(int64(n))
		for off := 0; off < n; off += 128 << 10 {
			if _, ok := s.Done(); ok || !s.Waiting() {
				t.Fatalf("%d bytes: done %v, waiting %v at %d", n, ok, s.Waiting(), off)
			}
			s.Pass(int64(off), data[off:min(off+128<<10, n)])
		}
		if got, ok := s.Done(); !ok || got != reference(data) {
			t.Errorf("%d bytes: %v, %v, want the BLAKE3", n, got, ok)
		}
	}
}

// What readers of a mount do: pieces overtake one another by a little, and some come twice.
func TestStreamOutOfOrder(t *testing.T) {
	data := random(2 << 20) // so little that no piece can be too early
	s := NewStream(int64(len(data)))
	var wg sync.WaitGroup
	next := make(chan int)
	for range 8 {
		wg.Go(func() {
			for off := range next {
				s.Pass(int64(off), data[off:off+64<<10])
			}
		})
	}
	for off := 0; off < len(data); off += 64 << 10 {
		next <- off
	}
	close(next)
	wg.Wait()
	if got, ok := s.Done(); !ok || got != reference(data) {
		t.Errorf("got %v, %v, want the BLAKE3", got, ok)
	}
}

func TestStreamGivesUp(t *testing.T) {
	p := make([]byte, 1<<20)
	for name, pass := range map[string]func(*Stream){
		"jump": func(s *Stream) { s.Pass(0, p); s.Pass(50<<20, p) },
		"too early": func(s *Stream) {
			s.Pass(10, p)
			s.Pass(2<<20, p)
			s.Pass(3<<20, p)
			s.Pass(1<<20, p[:1<<20-9])
			s.Pass(2<<20-9, p)
		},
		"beyond":   func(s *Stream) { s.Pass(100<<20-1, p[:2]) },
		"negative": func(s *Stream) { s.Pass(-1, p) },
		"many bits": func(s *Stream) {
			for i := range int64(aheadPieces + 1) {
				s.Pass(10+2*i, p[:1])
			}
		},
	} {
		s := NewStream(100 << 20)
		pass(s)
		if s.Waiting() || s.held != 0 || s.early != nil {
			t.Errorf("%s: still waiting, %d bytes held", name, s.held)
		}
	}
	if s := NewStream(0); s.Waiting() {
		t.Error("a stream of nothing waits")
	}
}

// FuzzStream lets pieces pass in an order made of the input, and compares with a model that
// knows which bytes have passed.
func FuzzStream(f *testing.F) {
	f.Add(uint16(1000), []byte{0, 200, 200, 200, 145, 200})
	f.Add(uint16(10), []byte{5, 5, 0, 5})
	f.Fuzz(func(t *testing.T, size uint16, moves []byte) {
		if size == 0 {
			return
		}
		data := random(int(size))
		want := reference(data)
		s := NewStream(int64(size))
		seen := make([]bool, size)
		left := int(size)
		for i := 0; i+1 < len(moves); i += 2 {
			off := int(moves[i]) * int(size) / 256
			n := min(int(moves[i+1]), int(size)-off)
			s.Pass(int64(off), data[off:off+n])
			for j := off; j < off+n; j++ {
				if !seen[j] {
					seen[j] = true
					left--
				}
			}
			got, ok := s.Done()
			switch {
			case ok && (left > 0 || got != want):
				t.Fatalf("done with %v, %d bytes missing, want %v", got, left, want)
			case !ok && left == 0 && s.Waiting():
				t.Fatal("all bytes have passed and it still waits")
			case !ok && left == 0 && len(moves) < 2*aheadPieces:
				t.Fatal("gave up though no piece was far ahead")
			}
		}
	})
}

func TestStreamRandomOrders(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	data := random(300_000)
	want := reference(data)
	for range 200 {
		step := 1 + rng.IntN(40_000)
		var offs []int
		for off := 0; off < len(data); off += step {
			offs = append(offs, off)
		}
		for i := range offs { // a little out of order
			j := min(i+rng.IntN(4), len(offs)-1)
			offs[i], offs[j] = offs[j], offs[i]
		}
		s := NewStream(int64(len(data)))
		for _, off := range offs {
			s.Pass(int64(off), data[off:min(off+step, len(data))])
		}
		if got, ok := s.Done(); ok && got != want {
			t.Fatalf("step %d: done with %v, want %v", step, got, want)
		} else if !ok && len(offs) < aheadPieces {
			t.Fatalf("step %d: not done after all bytes", step)
		}
	}
}
