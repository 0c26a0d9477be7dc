package gcs

import (
	"mime"
	"path"
	"strconv"
	"strings"
	"time"

	"sd/backends"
	"sd/backends/internal/carry"

	sdk "google.golang.org/api/storage/v1"
)

// The custom metadata that others write. gsutil's time goes with ours, as rclone has it.
const (
	gsutilTime  = "goog-reserved-file-mtime" // seconds
	gsutilMode  = "goog-reserved-posix-mode" // octal
	gsutilUID   = "goog-reserved-posix-uid"
	gsutilGID   = "goog-reserved-posix-gid"
	gcsfuseTime = "gcsfuse_mtime"
)

// unknownType is the content type of bytes of which nothing is known.
const unknownType = "application/octet-stream"

// keyUpload names the upload in parts that made an object.
const keyUpload = "sd-upload"

// form is how objects carry metadata: rclone's name for the time, s3fs's for the rest. The
// service allows 8 KiB.
var form = carry.Form{
	Time: "mtime", Mode: "mode", UID: "uid", GID: "gid", Xattrs: "xattr", Link: "sd-link", BLAKE3: "sd-blake3",
	Others:     []string{keyUpload, gsutilTime, gcsfuseTime, gsutilMode, gsutilUID, gsutilGID},
	FormatTime: carry.RFC3339, ParseTime: carry.ParseRFC3339,
	MaxXattrs: 5 << 10, Max: 7 << 10,
}

// metadataOf is m as custom metadata, beside foreign, and what of m is stored by it.
func metadataOf(m backends.Meta, foreign map[string]string) (map[string]string, backends.Meta) {
	pairs, m := form.Write(m, foreign)
	if !m.ModTime.IsZero() {
		pairs[gsutilTime] = strconv.FormatInt(m.ModTime.Unix(), 10)
	}
	return pairs, m
}

// readMeta is its inverse, and reads what gsutil and gcsfuse wrote where we did not.
func readMeta(o map[string]string, contentType string) *backends.Meta {
	m := form.Read(o, contentType)
	if m.ModTime.IsZero() {
		if seconds, err := strconv.ParseInt(o[gsutilTime], 10, 48); err == nil {
			m.ModTime = time.Unix(seconds, 0)
		} else {
			m.ModTime = carry.ParseRFC3339(o[gcsfuseTime])
		}
	}
	if m.Mode == 0 {
		if mode, err := strconv.ParseUint(o[gsutilMode], 8, 16); err == nil {
			m.Mode = uint32(mode)
		}
	}
	if m.UID == nil {
		m.UID = carry.ID(o[gsutilUID])
	}
	if m.GID == nil {
		m.GID = carry.ID(o[gsutilGID])
	}
	return m
}

// contentType is m's, or what the name says.
func contentType(key string, m backends.Meta) string {
	if m.ContentType != "" {
		return m.ContentType
	}
	if t := mime.TypeByExtension(path.Ext(key)); t != "" {
		return t
	}
	return unknownType
}

// resource is the description of an object that is to be made, and what of m it stores.
func resource(key string, m backends.Meta) (*sdk.Object, backends.Meta) {
	o := &sdk.Object{Name: key, ContentType: contentType(key, m)}
	o.Metadata, m = metadataOf(m, nil)
	m.ContentType = o.ContentType
	return o, m
}

// carried reads the metadata in the header of a read. Replies that carry none may have
// left it out; so that is unknown.
func carried(header map[string][]string) *backends.Meta {
	pairs := map[string]string{}
	for name, values := range header {
		if key, ok := strings.CutPrefix(name, "X-Goog-Meta-"); ok && len(values) > 0 {
			pairs[strings.ToLower(key)] = values[0]
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	contentType := ""
	if values := header["Content-Type"]; len(values) > 0 {
		contentType = values[0]
	}
	return readMeta(pairs, contentType)
}
