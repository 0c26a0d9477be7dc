package identity

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/rclone/rclone/backend/dropbox/dbhash"
	"github.com/rclone/rclone/backend/onedrive/quickxorhash"
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	nvme       = crc64.MakeTable(0x9a6c9329ac4bc9b5)
)

// algorithms are those of providers, by the names that listings use.
var algorithms = map[string]func() hash.Hash{
	"md5":            md5.New,
	"etag-multipart": md5.New, // always over parts
	"sha1":           sha1.New,
	"sha256":         sha256.New,
	"crc32":          func() hash.Hash { return crc32.NewIEEE() },
	"crc32c":         func() hash.Hash { return crc32.New(castagnoli) },
	"crc64nvme":      func() hash.Hash { return crc64.New(nvme) },
	"dropbox":        dbhash.New,       // SHA-256 of the SHA-256s of blocks of 4 MiB
	"quickxor":       quickxorhash.New, // OneDrive's, which anybody can forge
}

// Strong tells whether an equal checksum and an equal size prove equal bytes. With the
// others, such as CRCs, the fingerprint must be equal as well.
func Strong(algorithm string) bool {
	switch algorithm {
	case "md5", "etag-multipart", "sha1", "sha256", "dropbox":
		return true
	}
	return false
}

// Known tells whether Checksum can compute an algorithm.
func Known(algorithm string) bool { return algorithms[algorithm] != nil }

// Checksum computes a provider's checksum over the first size bytes of r, in hex. like is
// the one that it is to be compared with. Where like ends with a number of parts, "hex-N",
// the checksum is that of the parts' checksums, and like itself is returned if one of the
// usual part sizes gives it: the size is not told by anybody. Another algorithm is
// errors.ErrUnsupported, as is a number of parts that no usual size makes. A file that ends
// before size is io.ErrUnexpectedEOF.
func Checksum(ctx context.Context, r io.ReaderAt, size int64, algorithm, like string) (string, error) {
	create := algorithms[algorithm]
	if create == nil {
		return "", fmt.Errorf("checksum %q: %w", algorithm, errors.ErrUnsupported)
	}
	_, count, multi := strings.Cut(like, "-")
	if !multi {
		if algorithm == "etag-multipart" {
			return "", fmt.Errorf("checksum %q like %q: %w", algorithm, like, errors.ErrUnsupported)
		}
		digest, err := digestOf(ctx, create, r, cut{size: size})
		return hex.EncodeToString(digest), err
	}
	parts, err := strconv.Atoi(count)
	if err != nil {
		parts = 0
	}
	first := ""
	for _, p := range partings(size, parts) {
		text, err := composite(ctx, create, r, p)
		if err != nil {
			return "", err
		}
		if text = text + "-" + count; strings.EqualFold(text, like) {
			return like, nil
		}
		if first == "" {
			first = text
		}
	}
	if first == "" {
		return "", fmt.Errorf("checksum %q of %d bytes in %s parts: %w", algorithm, size, count, errors.ErrUnsupported)
	}
	return first, nil
}

// composite is the checksum of the checksums of parts, which are computed side by side.
func composite(ctx context.Context, create func() hash.Hash, r io.ReaderAt, parts []cut) (string, error) {
	digests := make([][]byte, len(parts))
	errs := make([]error, len(parts))
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers(len(parts)) {
		wg.Go(func() {
			for i := range next {
				digests[i], errs[i] = digestOf(ctx, create, r, parts[i])
			}
		})
	}
	var failed error
	for i := range parts {
		if failed = ctx.Err(); failed != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	if err := errors.Join(errs...); err != nil && failed == nil {
		failed = err
	}
	if failed != nil {
		return "", failed
	}
	all := create()
	for _, d := range digests {
		all.Write(d)
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// digestOf hashes one range.
func digestOf(ctx context.Context, create func() hash.Hash, r io.ReaderAt, c cut) ([]byte, error) {
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	h := create()
	for off, end := c.off, c.off+c.size; off < end; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b := buf[:min(readSize, end-off)]
		if err := readFull(r, b, off); err != nil {
			return nil, err
		}
		h.Write(b)
		off += int64(len(b))
	}
	return h.Sum(nil), nil
}
