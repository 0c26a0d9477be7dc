// Package span is ranged reads over HTTP: whether an answer holds the bytes that were asked for,
// and a body that is asked for again where it broke off.
package span

import (
	"fmt"
	"strconv"
	"strings"

	"sd/backends/internal/rest"
)

// Check returns the size of a file, as an answer tells it that was to bring left bytes from pos
// on, or all from there if left is negative. contentRange is the header of that name, or "";
// length is what the body is said to hold, negative if that was not said. The error is a
// *rest.ProtocolError if the answer is about other bytes; fewer than left it may only hold if the
// file ends with them.
func Check(pos, left int64, contentRange string, length int64) (size int64, err error) {
	if length < 0 {
		return 0, &rest.ProtocolError{Text: "a reply without its length"}
	}
	size = length
	if contentRange != "" {
		first, last, total, ok := parse(contentRange)
		// Beyond the end some servers say so by an empty range, rather than to refuse it.
		empty := length == 0 && total <= first
		if !ok || first != pos || last-first+1 != length || last >= total && !empty {
			return 0, &rest.ProtocolError{Text: fmt.Sprintf("asked for bytes from %d, got %q", pos, contentRange[:min(len(contentRange), 60)])}
		}
		size = total
	} else if pos > 0 || left >= 0 && length > left {
		return 0, &rest.ProtocolError{Text: "the range was ignored"}
	}
	want := max(size-pos, 0)
	if left >= 0 {
		want = min(want, left)
	}
	if length != want {
		return 0, &rest.ProtocolError{Text: fmt.Sprintf("asked for %d bytes, got %d", want, length)}
	}
	return size, nil
}

// parse reads "bytes first-last/total" (RFC 9110, section 14.4), and such a range that is empty.
func parse(s string) (first, last, total int64, ok bool) {
	rest, ok := strings.CutPrefix(s, "bytes ")
	span, size, ok1 := strings.Cut(rest, "/")
	from, to, ok2 := strings.Cut(span, "-")
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	total, err3 := strconv.ParseInt(size, 10, 64)
	ok = ok && ok1 && ok2 && err1 == nil && err2 == nil && err3 == nil && 0 <= first && first-1 <= last
	return first, last, total, ok
}
