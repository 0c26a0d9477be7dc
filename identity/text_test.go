package identity

import (
	"math"
	"testing"
)

func TestText(t *testing.T) {
	sum := Sum{1, 2, 0xab}
	for _, text := range []string{sum.String(), "0102AB" + sum.String()[6:]} {
		if got, err := ParseSum(text); err != nil || got != sum {
			t.Errorf("ParseSum(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "ab", sum.String() + "0", "x" + sum.String()[1:]} {
		if got, err := ParseSum(text); err == nil || got != (Sum{}) {
			t.Errorf("ParseSum(%q) = %v, %v, want an error", text, got, err)
		}
	}
	print := Print(0xab01)
	for _, text := range []string{"000000000000ab01", "000000000000AB01"} {
		if got, err := ParsePrint(text); err != nil || got != print {
			t.Errorf("ParsePrint(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "ab01", "g00000000000ab01", "000000000000ab011"} {
		if got, err := ParsePrint(text); err == nil || got != 0 {
			t.Errorf("ParsePrint(%q) = %v, %v, want an error", text, got, err)
		}
	}
}

func TestLocalVersion(t *testing.T) {
	seen := map[string]bool{}
	for _, ctime := range []int64{0, 1, -1, 1_790_000_000_123_456_789, math.MaxInt64, math.MinInt64} {
		for _, inode := range []uint64{0, 1, 127, 128, 1 << 32, math.MaxUint64} {
			v := LocalVersion(ctime, inode)
			i, ok := Inode(v)
			c, okc := Ctime(v)
			if !ok || !okc || i != inode || c != ctime || seen[v] {
				t.Errorf("LocalVersion(%d, %d) tells %d, %d, %v; seen before: %v", ctime, inode, c, i, ok, seen[v])
			}
			seen[v] = true
		}
	}
	for _, v := range []string{"", "d41d8cd98f00b204e9800998ecf8427e", "12345678", "\x80\x00abcdefgh", "modified=1,size=2"} {
		if _, ok := Inode(v); ok {
			t.Errorf("Inode(%q) gives one", v)
		}
	}
}

func FuzzLocalVersion(f *testing.F) {
	f.Add(LocalVersion(5, 300))
	f.Fuzz(func(t *testing.T, v string) {
		inode, ok := Inode(v)
		if ctime, _ := Ctime(v); ok && LocalVersion(ctime, inode) != v {
			t.Errorf("%q is said to be (%d, %d), which is %q", v, ctime, inode, LocalVersion(ctime, inode))
		}
	})
}
