package s3

import (
	"math"
	"mime"
	"path"
	"strconv"
	"strings"
	"time"

	"sd/backends"
	"sd/backends/internal/carry"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// keyUpload names the upload in parts that made an object.
const keyUpload = "sd-upload"

// maxMeta is the most bytes of all user metadata, names and values, by S3's rule.
const maxMeta = 2048

// form is how objects carry metadata: by s3fs's and rclone's names where they have one.
var form = carry.Form{
	Time: "mtime", Mode: "mode", UID: "uid", GID: "gid", Xattrs: "xattr", Link: "sd-link", BLAKE3: "sd-blake3",
	Others:     []string{keyUpload},
	FormatTime: formatTime, ParseTime: readTime,
	MaxXattrs: 1536, Max: maxMeta,
}

// formatTime writes decimal seconds.
func formatTime(t time.Time) string {
	text := strconv.FormatInt(t.Unix(), 10)
	if ns := t.Nanosecond(); ns != 0 {
		text += "." + strings.TrimRight(strconv.Itoa(1e9 + ns)[1:], "0")
	}
	return text
}

// readTime reads decimal seconds, with a fraction or not, exactly.
func readTime(s string) time.Time {
	whole, fraction, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || sec > math.MaxInt64/4 || sec < math.MinInt64/4 {
		return time.Time{}
	}
	ns, err := strconv.ParseUint((fraction + "000000000")[:9], 10, 32)
	if err != nil {
		return time.Time{}
	}
	t := time.Unix(sec, int64(ns))
	if t.IsZero() {
		return time.Time{}
	}
	return t
}

// contentType is m's, or what the name says.
func contentType(key string, m backends.Meta) *string {
	t := m.ContentType
	if t == "" {
		t = mime.TypeByExtension(path.Ext(key))
	}
	if t == "" {
		return nil // the server's own default
	}
	return &t
}

// carrying adds the user metadata and the content type of an object to its entry.
func carrying(e backends.Entry, metadata map[string]string, contentType *string) backends.Entry {
	return carry.Described(e, form.Read(metadata, aws.ToString(contentType)))
}
