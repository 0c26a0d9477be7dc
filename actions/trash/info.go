package trash

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	infoEnd = ".trashinfo"
	maxName = 255
	// stepKey is ours; other programs do not look at keys that they do not know.
	stepKey = "X-SD-Step="
)

// info is what a .trashinfo file says of the file of its name.
type info struct {
	path   string // absolute in the trash of the home, else below the top of the file system
	when   time.Time
	unique string
}

func (i *info) text() string {
	return fmt.Sprintf("[Trash Info]\nPath=%s\nDeletionDate=%s\n%s%s\n", escape(i.path), i.when.Format("2006-01-02T15:04:05"), stepKey, i.unique)
}

// isOf tells whether the text of a .trashinfo file is about the removal of that name.
func isOf(text []byte, unique string) bool {
	for line := range strings.Lines(string(text)) {
		if strings.TrimRight(line, "\r\n") == stepKey+unique {
			return true
		}
	}
	return false
}

// escape is the percent-coding of RFC 2396, which leaves slashes.
func escape(path string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()/"
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// namesIn are the names under which a file may lie in the trash: its own, and one that no other
// removal has.
func namesIn(base, unique string) []string {
	stem, ext := base, ""
	if at := strings.LastIndexByte(base, '.'); at > 0 && len(base)-at <= 20 {
		stem, ext = base[:at], base[at:]
	}
	tail := "." + unique + ext
	own := cut(stem, maxName-len(infoEnd)-len(tail)) + tail
	if len(base)+len(infoEnd) > maxName {
		return []string{own}
	}
	return []string{base, own}
}

// cut shortens a name to n bytes, without half a letter at its end.
func cut(name string, n int) string {
	if len(name) <= n {
		return name
	}
	for n > 0 && !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n]
}
