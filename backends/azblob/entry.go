package azblob

import (
	"encoding/hex"
	"strings"
	"time"

	"sd/backends"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// fileEntry describes a blob from what any reply about it carries.
func fileEntry(name string, size int64, etag *azcore.ETag, modified *time.Time) backends.Entry {
	e := backends.Entry{Name: name, Kind: backends.File, Size: size, Version: version(etag)}
	if modified != nil {
		e.ModTime = modified.Truncate(time.Second)
	}
	return e
}

// version is an ETag without its quotes.
func version(etag *azcore.ETag) string {
	if etag == nil {
		return ""
	}
	return strings.Trim(string(*etag), `"`)
}

// etag is what a conditional request says for a version.
func etag(version string) *azcore.ETag {
	if version == "" {
		return nil
	}
	tag := azcore.ETag(`"` + version + `"`)
	return &tag
}

// sums are the checksums of a blob. Of page and append blobs none is true, for a write
// does not change what is said.
func sums(kind *blob.BlobType, md5 []byte) []backends.Sum {
	if len(md5) != 16 || kind == nil || *kind != blob.BlobTypeBlockBlob {
		return nil
	}
	return []backends.Sum{{Algorithm: "md5", Hex: hex.EncodeToString(md5)}}
}

// class is the access tier of a blob in capital letters, "" for the usual one.
func class(tier string, inferred *bool) string {
	if tier == string(blob.AccessTierHot) || inferred != nil && *inferred {
		return ""
	}
	return strings.ToUpper(tier)
}

// listed describes a blob of a listing under a name, and tells whether it is the marker
// of a directory.
func listed(name string, item *container.BlobItem) (e backends.Entry, marker bool) {
	p := item.Properties
	metadata := fold(item.Metadata)
	e = fileEntry(name, deref(p.ContentLength), p.ETag, p.LastModified)
	if marks(*item.Name, e.Size, metadata) || deref(p.ResourceType) == "directory" {
		return backends.Entry{Name: strings.TrimSuffix(name, "/"), Kind: backends.Dir}, true
	}
	e.Sums = sums(p.BlobType, p.ContentMD5)
	e.Class = class(string(deref(p.AccessTier)), p.AccessTierInferred)
	return described(e, metadata, p.ContentType), false
}

// marks tells whether a blob stands for a directory.
func marks(name string, size int64, metadata map[string]string) bool {
	return size == 0 && (slashed(name) || strings.EqualFold(metadata[keyFolder], "true"))
}

// deref returns the zero value for nil.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
