package front

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// ServeBytes answers with content, or the one range of it that r asks for: 206 and
// Content-Range, or 416 when no byte of content is in the range. A Range header that
// is no single byte range is ignored, as the services do.
func ServeBytes(w http.ResponseWriter, r *http.Request, content []byte, contentType string) {
	h := w.Header()
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Type", contentType)
	size := len(content)
	status := http.StatusOK
	if asked := r.Header.Get("Range"); asked != "" {
		from, to, err := byteRange(asked, size)
		switch {
		case errors.Is(err, errNoByte):
			h.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
			h.Set("Content-Length", "0")
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		case err == nil:
			h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, size))
			content, status = content[from:to], http.StatusPartialContent
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(content)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(content)
	}
}

var (
	errNoByte   = errors.New("no byte in the range")
	errNotRange = errors.New("not one byte range")
)

// byteRange reads "bytes=a-b", "bytes=a-" or "bytes=-n" as a half-open interval.
func byteRange(text string, size int) (from, to int, err error) {
	spec, ok := strings.CutPrefix(text, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, 0, errNotRange
	}
	if first == "" {
		n, err := strconv.Atoi(last)
		if err != nil || n < 0 {
			return 0, 0, errNotRange
		}
		if n == 0 || size == 0 {
			return 0, 0, errNoByte
		}
		return max(size-n, 0), size, nil
	}
	from, err = strconv.Atoi(first)
	if err != nil || from < 0 {
		return 0, 0, errNotRange
	}
	to = size
	if last != "" {
		end, err := strconv.Atoi(last)
		if err != nil || end < from {
			return 0, 0, errNotRange
		}
		to = min(end+1, size)
	}
	if from >= size {
		return 0, 0, errNoByte
	}
	return from, to, nil
}

// A ContentRange is the header of one piece of an upload. Total is -1 for "*"; for
// "bytes */total" there is no piece and From and To are -1.
type ContentRange struct{ From, To, Total int64 } // To is past the last byte

// ParseContentRange reads a Content-Range header of a request.
func ParseContentRange(text string) (ContentRange, error) {
	bad := fmt.Errorf("bad Content-Range %q", text)
	spec, ok := strings.CutPrefix(text, "bytes ")
	piece, total, slash := strings.Cut(spec, "/")
	if !ok || !slash {
		return ContentRange{}, bad
	}
	c := ContentRange{From: -1, To: -1, Total: -1}
	var err error
	if total != "*" {
		if c.Total, err = strconv.ParseInt(total, 10, 64); err != nil || c.Total < 0 {
			return ContentRange{}, bad
		}
	}
	if piece == "*" {
		return c, nil
	}
	first, last, dash := strings.Cut(piece, "-")
	if c.From, err = strconv.ParseInt(first, 10, 64); err != nil || !dash || c.From < 0 {
		return ContentRange{}, bad
	}
	if c.To, err = strconv.ParseInt(last, 10, 64); err != nil || c.To < c.From {
		return ContentRange{}, bad
	}
	c.To++
	if c.Total >= 0 && c.To > c.Total {
		return ContentRange{}, bad
	}
	return c, nil
}
