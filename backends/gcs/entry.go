package gcs

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sd/backends"
	"sd/backends/internal/carry"

	sdk "google.golang.org/api/storage/v1"
)

// fields are those of an object that entry reads.
const fields = "name,size,generation,metageneration,updated,md5Hash,crc32c,storageClass,contentType,metadata"

// entry describes an object as its resource does, under another name.
func entry(name string, o *sdk.Object) backends.Entry {
	return carry.Described(backends.Entry{
		Name:    name,
		Kind:    backends.File,
		Size:    int64(o.Size),
		ModTime: readTime(o.Updated),
		Version: version(o.Generation, o.Metageneration),
		Sums:    sums(o.Md5Hash, o.Crc32c),
		Class:   class(o.StorageClass),
	}, readMeta(o.Metadata, o.ContentType))
}

// readTime reads a time of the service, cut to seconds; the zero time is none.
func readTime(s string) time.Time { return carry.ParseRFC3339(s).Truncate(time.Second) }

// class is the storage class of an object, "" for the usual one.
func class(c string) string {
	if c == "STANDARD" {
		return ""
	}
	return c
}

// sums are the checksums of an object; one that was composed has no MD5.
func sums(md5, crc32c string) []backends.Sum {
	var list []backends.Sum
	for _, s := range []struct {
		algorithm, value string
		size             int
	}{{"md5", md5, 16}, {"crc32c", crc32c, 4}} {
		if digest, err := base64.StdEncoding.DecodeString(s.value); err == nil && len(digest) == s.size {
			list = append(list, backends.Sum{Algorithm: s.algorithm, Hex: hex.EncodeToString(digest)})
		}
	}
	return list
}

// headerSums reads the checksums in the header of a read: "crc32c=…,md5=…", or one line
// each.
func headerSums(h http.Header) []backends.Sum {
	md5, crc32c := "", ""
	for _, line := range h.Values("X-Goog-Hash") {
		for word := range strings.SplitSeq(line, ",") {
			switch name, value, _ := strings.Cut(strings.TrimSpace(word), "="); name {
			case "md5":
				md5 = value
			case "crc32c":
				crc32c = value
			}
		}
	}
	return sums(md5, crc32c)
}

func version(generation, metageneration int64) string {
	return strconv.FormatInt(generation, 10) + "." + strconv.FormatInt(metageneration, 10)
}

// parseVersion is its inverse. What is no version of ours is generation -1, which no
// object has.
func parseVersion(v string) (generation, metageneration int64) {
	g, m, ok := strings.Cut(v, ".")
	generation, err1 := strconv.ParseInt(g, 10, 64)
	metageneration, err2 := strconv.ParseInt(m, 10, 64)
	if !ok || err1 != nil || err2 != nil || generation <= 0 || metageneration <= 0 {
		return -1, -1
	}
	return generation, metageneration
}

// sameBytes tells whether two versions differ in their metagenerations at most.
func sameBytes(a, b string) bool {
	g, _ := parseVersion(a)
	h, _ := parseVersion(b)
	return g == h && g > 0
}

// asked has e be the version that was asked for, which has the same bytes. What it
// carried nobody knows any more.
func asked(e backends.Entry, wanted string) backends.Entry {
	if wanted != "" && e.Version != wanted {
		e.Version, e.Meta = wanted, nil
	}
	return e
}
