package span

import (
	"errors"
	"strings"
	"testing"

	"sd/backends/internal/rest"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		pos, left int64
		header    string
		length    int64
		size      int64 // < 0: refused
	}{
		{0, -1, "bytes 0-9/10", 10, 10},
		{0, -1, "", 10, 10},
		{0, 4, "bytes 0-3/10", 4, 10},
		{8, 4, "bytes 8-9/10", 2, 10},
		{3, -1, "bytes 3-9/10", 7, 10},
		{0, 4, "", 3, 3},
		{0, -1, "", 0, 0},
		{12, 4, "bytes 12-11/10", 0, 10}, // beyond the end
		{0, 4, "", 10, -1},               // the range was ignored
		{3, -1, "", 7, -1},
		{3, 4, "bytes 0-3/10", 4, -1}, // other bytes
		{0, 4, "bytes 0-3/10", 3, -1},
		{0, 4, "bytes 0-2/10", 3, -1}, // fewer, and not the last ones
		{0, 4, "bytes 0-4/10", 5, -1},
		{8, 4, "bytes 8-10/10", 3, -1},
		{5, 4, "bytes 5-4/10", 0, -1},
		{0, 4, "bytes 0-3/*", 4, -1},
		{0, 4, "bytes 0-3/10", -1, -1},
	} {
		size, err := Check(tt.pos, tt.left, tt.header, tt.length)
		var broken *rest.ProtocolError
		if tt.size < 0 != errors.As(err, &broken) || err == nil && size != tt.size {
			t.Errorf("%d bytes from %d, answered with %d as %q: %d, %v", tt.left, tt.pos, tt.length, tt.header, size, err)
		}
	}
}

// FuzzCheck takes no answer but one that holds exactly what was asked for.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"bytes 0-9/10", "bytes 5-5/6", "bytes 0-9/*", "bytes -1-2/3", "bytes 9-0/10", "bytes", "", "bytes 0-9223372036854775807/1", "bytes 7-6/7"} {
		f.Add(int64(0), int64(-1), s, int64(10))
		f.Add(int64(5), int64(1), s, int64(1))
		f.Add(int64(7), int64(3), s, int64(0))
	}
	f.Fuzz(func(t *testing.T, pos, left int64, header string, length int64) {
		if pos < 0 || left == 0 || left > 0 && pos+left < 0 {
			return
		}
		size, err := Check(pos, left, header, length)
		if err != nil {
			return
		}
		if want := max(size-pos, 0); left < 0 && length != want || left > 0 && length != min(left, want) {
			t.Errorf("%d bytes from %d of %d, answered with %d as %q, are accepted", left, pos, size, length, header)
		}
		if header != "" && length > 0 && !strings.HasPrefix(header, "bytes ") {
			t.Errorf("%q is read as a range", header)
		}
		if header == "" && pos > 0 && length > 0 {
			t.Errorf("%d bytes from %d are believed without a range", length, pos)
		}
	})
}
