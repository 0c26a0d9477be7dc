package rest

import (
	"strconv"
	"strings"
)

// ContentRange reads the header of that name: "bytes first-last/total".
func ContentRange(s string) (first, last, total int64, ok bool) {
	rest, ok := strings.CutPrefix(s, "bytes ")
	span, size, ok1 := strings.Cut(rest, "/")
	from, to, ok2 := strings.Cut(span, "-")
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	total, err3 := strconv.ParseInt(size, 10, 64)
	ok = ok && ok1 && ok2 && err1 == nil && err2 == nil && err3 == nil && 0 <= first && first <= last
	return first, last, total, ok
}
