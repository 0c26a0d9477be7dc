package staging

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sd/backends"
)

// FuzzRanges compares a set of ranges with a bitmap.
func FuzzRanges(f *testing.F) {
	f.Add([]byte{0, 1, 5, 0, 5, 9, 1, 3, 6, 0, 20, 30})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var r ranges
		var bits [256]bool
		for ; len(ops) >= 3; ops = ops[3:] {
			off, end := min(ops[1], ops[2]), max(ops[1], ops[2])
			set, n := ops[0]%2 == 0, int64(0)
			for i := off; i < end; i++ {
				if bits[i] != set {
					n++
				}
				bits[i] = set
			}
			got := int64(0)
			if set {
				if got = r.missing(int64(off), int64(end)); got != n {
					t.Fatalf("missing = %d, want %d", got, n)
				}
				got = r.add(int64(off), int64(end))
			} else {
				got = r.remove(int64(off), int64(end))
			}
			if got != n {
				t.Fatalf("changed %d, want %d", got, n)
			}
			last, total := int64(-1), int64(0)
			for _, s := range r {
				if s.off <= last || s.end <= s.off {
					t.Fatalf("not in order: %v", r)
				}
				last, total = s.end, total+s.end-s.off
			}
			if total != r.bytes() {
				t.Fatalf("bytes = %d, want %d", r.bytes(), total)
			}
			for i, want := range bits {
				in, until := r.at(int64(i))
				if in != want {
					t.Fatalf("at(%d) = %v, want %v", i, in, want)
				}
				for j := i; j < len(bits) && int64(j) < until; j++ {
					if bits[j] != want {
						t.Fatalf("at(%d) holds until %d, but not at %d", i, until, j)
					}
				}
			}
		}
	})
}

// FuzzDecode reads records that may be anything. What is accepted is in order, and is
// written and read again without a change.
func FuzzDecode(f *testing.F) {
	good, err := encode(&record{Volume: "v", Name: []byte("a\xff/b"), Size: 9, Layers: []layerState{{File: "x.data", Size: 9, Valid: []int64{0, 3, 5, 9}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		// The checksum keeps all but good records out, so the body is tried without it too.
		var r record
		if json.Unmarshal(data, &r) == nil && r.check() == nil {
			if packed, err := encode(&r); err == nil {
				data = packed
			}
		}
		got, err := decode(data)
		if err != nil {
			return
		}
		again, err := encode(got)
		if err != nil {
			t.Fatal(err)
		}
		if once, err := decode(again); err != nil || !bytes.Equal(once.Name, got.Name) || len(once.Layers) != len(got.Layers) {
			t.Fatalf("read again: %+v, %v; want %+v", once, err, got)
		}
	})
}

func TestGrid(t *testing.T) {
	g := grid{8 << 20}
	end := int64(0)
	for i := range 10_000 {
		s := g.span(i)
		if s.off != end || g.index(s.off) != i || g.index(s.end-1) != i {
			t.Fatalf("part %d is %v, after %d", i, s, end)
		}
		end = s.end
	}
	if end < 5<<40 {
		t.Errorf("10,000 parts reach %d bytes, want 5 TiB", end)
	}
}

// TestBadRecords spoils a record: it is kept aside with its data, and listed.
func TestBadRecords(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"cut":     func(p []byte) []byte { return p[:len(p)/2] },
		"flipped": func(p []byte) []byte { p[len(p)/2] ^= 1; return p },
		"empty":   func([]byte) []byte { return nil },
		"newer":   func(p []byte) []byte { return bytes.Replace(p, []byte(`"format":1`), []byte(`"format":2`), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := Open(Config{Dir: dir, WriteBack: true})
			if err != nil {
				t.Fatal(err)
			}
			f, err := s.Create("vol", "f", nil, nil, backends.Meta{ModTime: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt(t.Context(), bytes.Repeat([]byte("x"), 100_000), 0); err != nil {
				t.Fatal(err)
			}
			if err := f.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.Close()
			paths, _ := filepath.Glob(filepath.Join(dir, "*", "*"+recordSuffix))
			if len(paths) != 1 {
				t.Fatalf("records: %v", paths)
			}
			data, err := os.ReadFile(paths[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(paths[0], spoil(data), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				s, err := Open(Config{Dir: dir})
				if err != nil {
					t.Fatal(err)
				}
				p := s.Pending()
				if len(p) != 1 || p[0].State != "failed" || p[0].Reason == "" || !strings.HasSuffix(p[0].Name, badSuffix) {
					t.Errorf("Pending = %+v", p)
				}
				if len(s.Recovered()) != 0 {
					t.Error("recovered from a bad record")
				}
				s.Close()
				if data, _ := filepath.Glob(filepath.Join(dir, "*", "*"+dataSuffix)); len(data) != 1 {
					t.Errorf("data left: %v", data)
				}
			}
		})
	}
}
