package catalog_test

import (
	"bytes"
	"math"
	"testing"

	"sd/identity"
	"sd/library/catalog"
)

// Any time and version come back as they were, and equal ones alone have equal stamps.
func FuzzStamp(f *testing.F) {
	local := identity.LocalVersion(1_700_000_000_123_456_789, 42)
	for _, v := range []string{"", "v", `"9bb58f26192e4ba00f01e2e7b136bbd8"`, local, local[1:], local + "x", "\x80\x00" + local[1:],
		identity.LocalVersion(math.MinInt64, math.MaxUint64), identity.LocalVersion(math.MaxInt64, 0)} {
		for _, t := range []int64{0, -1, 1e9, 1_700_000_000_123_456_789, 1_700_000_000e9, math.MinInt64, math.MaxInt64} {
			f.Add(t, v, t, identity.LocalVersion(t, 7))
		}
	}
	f.Fuzz(func(t *testing.T, time int64, version string, time2 int64, version2 string) {
		b := catalog.Pack(time, version)
		gotTime, gotVersion, err := catalog.Unpack(b)
		if err != nil || gotTime != time || gotVersion != version {
			t.Errorf("%d, %x became %d, %x, %v", time, version, gotTime, gotVersion, err)
		}
		if b2 := catalog.Pack(time2, version2); bytes.Equal(b, b2) != (time == time2 && version == version2) {
			t.Errorf("%d, %x has the stamp of %d, %x", time, version, time2, version2)
		}
	})
}

// Bytes that are no stamp are an error or a version, and never a panic.
func FuzzDamagedStamp(f *testing.F) {
	f.Add([]byte{})
	f.Add(catalog.Pack(5, identity.LocalVersion(9, 300)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, _, err := catalog.Unpack(b); err == nil && len(b) == 0 {
			t.Error("nothing is a stamp")
		}
	})
}

func TestStampsAreShort(t *testing.T) {
	const now, round = 1_700_000_000_123_456_789, 1_700_000_000_000_000_000
	for _, tt := range []struct {
		what    string
		mtime   int64
		version string
		want    int
	}{
		{"a file as it was written", now, identity.LocalVersion(now, 1_000_000), 1 + 8 + 3},
		{"one that was unpacked", round, identity.LocalVersion(round+3e9, 1_000_000), 1 + 5 + 3 + 5},
		{"an object", round, "etag", 1 + 5 + 4},
	} {
		if got := len(catalog.Pack(tt.mtime, tt.version)); got != tt.want {
			t.Errorf("%s takes %d bytes, want %d", tt.what, got, tt.want)
		}
	}
}
