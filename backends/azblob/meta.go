package azblob

import (
	"mime"
	"path"
	"strings"

	"sd/backends"
	"sd/backends/internal/carry"
)

const (
	keyUpload = "sd_upload"    // names the upload in blocks that made a blob
	keyFolder = "hdi_isfolder" // "true": the blob stands for a directory
)

// form is how blobs carry metadata. Its names are words of C#, whose case does not
// matter; the time is as rclone has it.
var form = carry.Form{
	Time: "mtime", Mode: "sd_mode", UID: "sd_uid", GID: "sd_gid",
	Xattrs: "sd_xattr", Link: "sd_link", BLAKE3: "sd_blake3",
	Others:     []string{keyUpload},
	FormatTime: carry.RFC3339, ParseTime: carry.ParseRFC3339,
	MaxXattrs: 4096, Max: 8000, // Azure takes 8 KiB
}

// contentType is m's, or what the name says; nil is the server's own default.
func contentType(name string, m backends.Meta) *string {
	t := m.ContentType
	if t == "" {
		t = mime.TypeByExtension(path.Ext(name))
	}
	return some(t)
}

// fold returns metadata by its names in small letters: replies give them in any case.
func fold(metadata map[string]*string) map[string]string {
	h := make(map[string]string, len(metadata))
	for k, v := range metadata {
		h[strings.ToLower(k)] = deref(v)
	}
	return h
}

// unfold is metadata as the SDK takes it.
func unfold(h map[string]string) map[string]*string {
	metadata := make(map[string]*string, len(h))
	for k, v := range h {
		metadata[k] = &v
	}
	return metadata
}

// described adds what a blob carries to its entry.
func described(e backends.Entry, metadata map[string]string, contentType *string) backends.Entry {
	return carry.Described(e, form.Read(metadata, deref(contentType)))
}
