package identity

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestChecksums(t *testing.T) {
	for _, tt := range []struct{ algorithm, want string }{
		{"md5", "25f9e794323b453885f5181f1b624d0b"},
		{"sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"},
		{"sha256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"},
		{"crc32", "cbf43926"},
		{"crc32c", "e3069283"},
		{"crc64nvme", "ae8b14860a799888"},
		{"dropbox", "292b0d007566832db94bfae689cd70d1ab772811fd44b9f49d8550ee9ea6a494"},
		{"quickxor", "3190c10c6850031bdc0007390900000000000000"},
	} {
		r := strings.NewReader("123456789")
		if got, err := Checksum(t.Context(), r, 9, tt.algorithm, ""); err != nil || got != tt.want {
			t.Errorf("%s: %s, %v, want %s", tt.algorithm, got, err, tt.want)
		}
		if !Known(tt.algorithm) {
			t.Errorf("%s is not known", tt.algorithm)
		}
		if _, err := Checksum(t.Context(), r, 10, tt.algorithm, ""); err != io.ErrUnexpectedEOF {
			t.Errorf("%s of a file that is too short: %v, want io.ErrUnexpectedEOF", tt.algorithm, err)
		}
	}
	for _, tt := range []struct{ algorithm, like string }{
		{"mailru", ""}, {"etag-multipart", "abc"}, {"etag-multipart", "abc-0"}, {"etag-multipart", "abc-x"}, {"etag-multipart", "abc-99"},
	} {
		if _, err := Checksum(t.Context(), strings.NewReader("123456789"), 9, tt.algorithm, tt.like); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s like %q: %v, want ErrUnsupported", tt.algorithm, tt.like, err)
		}
	}
}

func TestStrong(t *testing.T) {
	for algorithm, want := range map[string]bool{
		"md5": true, "etag-multipart": true, "sha1": true, "sha256": true, "dropbox": true,
		"crc32": false, "crc32c": false, "crc64nvme": false, "quickxor": false, "": false,
	} {
		if got := Strong(algorithm); got != want {
			t.Errorf("Strong(%q) = %v", algorithm, got)
		}
	}
}

// The checksums of drives, as their services describe them, of files longer than a block.
func TestChecksumsOfDrives(t *testing.T) {
	for _, size := range []int{1, 159, 160, 161, 4<<20 - 1, 4 << 20, 4<<20 + 1, 9<<20 + 77} {
		data := random(size)
		for algorithm, want := range map[string]string{"dropbox": contentHash(data), "quickxor": quickXor(data)} {
			if got, err := Checksum(t.Context(), bytes.NewReader(data), int64(size), algorithm, want); err != nil || got != want {
				t.Errorf("%s of %d bytes: %s, %v, want %s", algorithm, size, got, err, want)
			}
		}
	}
}

// contentHash is Dropbox's content_hash.
func contentHash(data []byte) string {
	var all []byte
	for ; len(data) > 0; data = data[min(4<<20, len(data)):] {
		sum := sha256.Sum256(data[:min(4<<20, len(data))])
		all = append(all, sum[:]...)
	}
	sum := sha256.Sum256(all)
	return hex.EncodeToString(sum[:])
}

// quickXor is Microsoft's quickXorHash, bit by bit: byte i is XORed into 160 bits that lie in a
// ring, 11 bits after the one before; then the length into the last eight bytes.
func quickXor(data []byte) string {
	var sum [20]byte
	for i, b := range data {
		for bit := range 8 {
			if b>>bit&1 == 1 {
				at := (i*11 + bit) % 160
				sum[at/8] ^= 1 << (at % 8)
			}
		}
	}
	for i := range 8 {
		sum[12+i] ^= byte(len(data) >> (8 * i))
	}
	return hex.EncodeToString(sum[:])
}

// etag is what S3 makes of a file that was uploaded in parts of that size.
func etag(data []byte, part int) string {
	var all []byte
	n := 0
	for ; len(data) > 0; n++ {
		k := min(part, len(data))
		sum := md5.Sum(data[:k])
		all = append(all, sum[:]...)
		data = data[k:]
	}
	sum := md5.Sum(all)
	return fmt.Sprintf("%s-%d", hex.EncodeToString(sum[:]), n)
}

func TestMultipartETag(t *testing.T) {
	data := random(21<<20 + 12345)
	r := bytes.NewReader(data)
	size := int64(len(data))
	for _, part := range []int{5 << 20, 8 << 20, 17_179_870, 64 << 20, 5_000_000, (len(data) + 2) / 3} {
		want := etag(data, part)
		if got, err := Checksum(t.Context(), r, size, "etag-multipart", want); err != nil || got != want {
			t.Errorf("parts of %d: %s, %v, want %s", part, got, err, want)
		}
	}
	like := strings.ToUpper(etag(data, 8<<20))
	if got, err := Checksum(t.Context(), r, size, "etag-multipart", like); err != nil || got != like {
		t.Errorf("in upper case: %s, %v, want %s", got, err, like)
	}
	data[len(data)/2] ^= 1
	if got, err := Checksum(t.Context(), r, size, "etag-multipart", like); err != nil || got == like {
		t.Errorf("one byte changed: %s, %v, want another", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Checksum(ctx, r, size, "etag-multipart", etag(data, 8<<20)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// Files too large to hash here: only how they are cut.
func TestPartings(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		size  int64
		parts int
		part  int64 // that must be among them; 0: what grows
	}{
		{100 * gib, 6400, 16 << 20},
		{90_000 * mib, 10_000, 9 << 20},
		{5 * gib, 1024, 5 << 20},
		{5 * gib, 640, 8 << 20},
		{2 * gib, 2, 1 * gib},
		{20 * gib, 1195, 0},
		{1 * gib, 1, gib},
	} {
		found := false
		list := partings(tt.size, tt.parts)
		for _, p := range list {
			end := int64(0)
			for _, c := range p {
				if c.off != end || c.size <= 0 {
					t.Fatalf("%d bytes in %d parts: a hole at %d", tt.size, tt.parts, end)
				}
				end += c.size
			}
			if end != tt.size || len(p) != tt.parts {
				t.Fatalf("%d bytes in %d parts: cut into %d, up to %d", tt.size, tt.parts, len(p), end)
			}
			found = found || (tt.part > 0 && p[0].size == tt.part) || (tt.part == 0 && p[0].size < p[len(p)-2].size)
		}
		if !found || len(list) > maxPartings+1 {
			t.Errorf("%d bytes in %d parts: %d ways, found %v", tt.size, tt.parts, len(list), found)
		}
	}
	for _, tt := range []struct {
		size  int64
		parts int
	}{{0, 1}, {10, 0}, {10, -1}, {10, 11}, {1 << 40, 10_001}} {
		if list := partings(tt.size, tt.parts); list != nil {
			t.Errorf("%d bytes in %d parts: %d ways, want none", tt.size, tt.parts, len(list))
		}
	}
}
