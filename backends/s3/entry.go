package s3

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"sd/backends"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// fileEntry describes an object from what any reply about it carries.
func fileEntry(name string, size int64, etag *string, modified *time.Time) backends.Entry {
	t := aws.ToTime(modified).Truncate(time.Second)
	return backends.Entry{
		Name:    name,
		Kind:    backends.File,
		Size:    size,
		ModTime: t,
		Version: version(aws.ToString(etag), t, size),
	}
}

// class is the storage class of an object, "" for the usual one.
func class[Class ~string](c Class) string {
	if c == "STANDARD" {
		return ""
	}
	return string(c)
}

// sum returns what the version tells about the content: S3's ETag is the MD5 of the
// bytes, or of the parts' MD5s, unless the object is encrypted with a key of its own;
// then it equals no checksum of anything.
func sum(version string) (backends.Sum, bool) {
	digest, parts, multi := strings.Cut(version, "-")
	if len(digest) != 32 || strings.Trim(digest, "0123456789abcdef") != "" {
		return backends.Sum{}, false
	}
	if !multi {
		return backends.Sum{Algorithm: "md5", Hex: digest}, true
	}
	if parts == "" || strings.Trim(parts, "0123456789") != "" {
		return backends.Sum{}, false
	}
	return backends.Sum{Algorithm: "etag-multipart", Hex: version}, true
}

// sum is that of package level, where the server's tags mean it.
func (b *Backend) sum(version string) (backends.Sum, bool) {
	s, ok := sum(version)
	return s, ok && (s.Algorithm == "md5" || !b.speaks().randomTags)
}

func (b *Backend) withSum(e backends.Entry) backends.Entry {
	if s, ok := b.sum(e.Version); ok {
		e.Sums = []backends.Sum{s}
	}
	return e
}

// checksums are those of the whole object that were sent along when it was written; of one
// written in parts some are of the parts' checksums, and say nothing about the bytes.
func checksums(out *sdk.HeadObjectOutput) []backends.Sum {
	var list []backends.Sum
	for _, s := range []struct {
		algorithm string
		value     *string
	}{
		{"sha256", out.ChecksumSHA256}, {"sha1", out.ChecksumSHA1},
		{"crc64nvme", out.ChecksumCRC64NVME}, {"crc32c", out.ChecksumCRC32C},
	} {
		digest, err := base64.StdEncoding.DecodeString(aws.ToString(s.value)) // "…-3" is of 3 parts, and no base64
		if err == nil && len(digest) > 0 && out.ChecksumType != types.ChecksumTypeComposite {
			list = append(list, backends.Sum{Algorithm: s.algorithm, Hex: hex.EncodeToString(digest)})
		}
	}
	return list
}

// timed begins the versions of objects without an ETag.
const timed = "modified="

func version(etag string, modified time.Time, size int64) string {
	if etag == "" {
		return fmt.Sprintf("%s%d,size=%d", timed, modified.Unix(), size)
	}
	if len(etag) > 1 && etag[0] == '"' && etag[len(etag)-1] == '"' {
		return etag[1 : len(etag)-1]
	}
	return etag
}

// etag is what a conditional request says for version; nil where it cannot say it.
func etag(version string) *string {
	if version == "" || strings.HasPrefix(version, timed) {
		return nil
	}
	if strings.HasPrefix(version, `W/"`) {
		return &version
	}
	return aws.String(`"` + version + `"`)
}
