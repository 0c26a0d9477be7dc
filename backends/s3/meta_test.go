package s3

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/testserver"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestMetaOfOthers reads what s3fs and rclone write.
func TestMetaOfOthers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		h    map[string]string
		want backends.Meta
	}{
		{"s3fs", map[string]string{"mtime": "1700000000.5", "mode": "33188", "uid": "1000", "gid": "100", "ctime": "1"},
			backends.Meta{ModTime: time.Unix(1_700_000_000, 500_000_000), Mode: 0o100644, UID: id(1000), GID: id(100)}},
		{"s3fs, a link", map[string]string{"mtime": "1700000000", "mode": "41471"},
			backends.Meta{ModTime: time.Unix(1_700_000_000, 0), Mode: 0o120777}},
		{"s3fs, attributes", map[string]string{"xattr": "%7B%22user.a%22%3A%22eA%3D%3D%22%2C%22user.b%22%3A%22%22%7D"},
			backends.Meta{Xattrs: map[string][]byte{"user.a": []byte("x"), "user.b": {}}}},
		{"rclone", map[string]string{"mtime": "1700000000.123456789", "mode": "100664", "uid": "0", "gid": "0"},
			backends.Meta{ModTime: time.Unix(1_700_000_000, 123_456_789), Mode: 0o100664, UID: id(0), GID: id(0)}},
		{"rclone, a folder", map[string]string{"mode": "40755"}, backends.Meta{Mode: 0o040755}},
		{"octal with a zero", map[string]string{"mode": "0644"}, backends.Meta{Mode: 0o644}},
		{"before the epoch", map[string]string{"mtime": "-5"}, backends.Meta{ModTime: time.Unix(-5, 0)}},
		{"nonsense", map[string]string{
			"mtime": "yesterday", "mode": "rwx", "uid": "-1", "gid": "4294967296", "xattr": "%zz", "sd-blake3": "short", "sd-link": "%",
		}, backends.Meta{}},
		{"more nonsense", map[string]string{"mtime": "1.2.3", "mode": "99999999999", "xattr": "%7B%22a%22%3A1%7D"}, backends.Meta{}},
	} {
		if got := form.Read(tt.h, ""); !same(*got, tt.want) {
			t.Errorf("%s: got %+v, want %+v", tt.name, *got, tt.want)
		}
	}
}

func id(n uint32) *uint32 { return &n }

func same(a, b backends.Meta) bool {
	ids := func(a, b *uint32) bool { return a == b || a != nil && b != nil && *a == *b }
	return a.ModTime.Equal(b.ModTime) && a.Mode == b.Mode && ids(a.UID, b.UID) && ids(a.GID, b.GID) &&
		a.LinkTarget == b.LinkTarget && a.BLAKE3 == b.BLAKE3 && a.ContentType == b.ContentType &&
		maps.EqualFunc(a.Xattrs, b.Xattrs, func(a, b []byte) bool { return string(a) == string(b) })
}

// FuzzMeta writes any metadata and reads it again, and never writes more than S3 takes.
func FuzzMeta(f *testing.F) {
	f.Add(int64(1_700_000_000), int64(5), uint32(0o644), uint32(1), "../x y", "user.a", []byte("v"))
	f.Add(int64(-1), int64(999_999_999), uint32(0o777), uint32(0), "", "", []byte{})
	f.Add(int64(0), int64(0), uint32(0), uint32(1<<32-1), strings.Repeat("é", 900), "user.\"<&,", []byte(strings.Repeat("x", 3000)))
	f.Fuzz(func(t *testing.T, sec, ns int64, mode, uid uint32, link, attr string, value []byte) {
		m := backends.Meta{
			ModTime: time.Unix(sec%(1<<40), ns&(1<<29-1)), Mode: 0o100000 | mode&0o7777, UID: &uid, LinkTarget: link,
			BLAKE3: strings.Repeat("ab", 32), Xattrs: map[string][]byte{attr: value},
		}
		h, stored := form.Write(m, map[string]string{"other": "kept"})
		sum := 0
		for k, v := range h {
			sum += len(k) + len(v)
			if strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("%s: %q is not fit for a header", k, v)
			}
		}
		if sum > maxMeta || h["other"] != "kept" {
			t.Errorf("%d bytes of metadata: %v", sum, h)
		}
		if got := form.Read(h, ""); !same(*got, stored) {
			t.Errorf("wrote %+v, read %+v", stored, *got)
		}
	})
}

// TestForeignMetadata survives a change of ours, as far as S3 lets it.
func TestForeignMetadata(t *testing.T) {
	t.Parallel()
	l := newLab(t, testserver.Versitygw, func(c *Config) { c.MaxCopy = 1000 })
	c, err := l.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"small.txt": 10, "large.txt": 6 << 20} {
		call, err := l.rest.Begin(t.Context(), "PUT", 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.api.PutObject(call.Context(), &sdk.PutObjectInput{
			Bucket: aws.String(bucket), Key: &name, Body: strings.NewReader(content(size)), ContentType: aws.String("text/odd"),
			CacheControl: aws.String("max-age=5"), ContentLanguage: aws.String("de"), ContentDisposition: aws.String("inline"),
			Metadata: map[string]string{"colour": "red", "mode": "33188", "uid": "5"},
		})
		if call.End(err) != nil {
			t.Fatal(err)
		}
		old, err := l.Stat(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		m := backends.Meta{Mode: 0o100600, ModTime: time.Unix(7, 0)}
		e, err := l.Copy(t.Context(), name, name, backends.CopyOptions{Source: old.Version, Size: old.Size, Meta: &m})
		if err != nil {
			t.Fatal(err)
		}
		at, out, err := l.look(t.Context(), name, e.Version)
		if err != nil || at.Size != int64(size) {
			t.Fatalf("got %+v, %v", at, err)
		}
		delete(out.Metadata, keyUpload)
		want := map[string]string{"colour": "red", "mode": "33152", "mtime": "7"}
		if !maps.Equal(out.Metadata, want) {
			t.Errorf("%s carries %v, want %v", name, out.Metadata, want)
		}
		got := [...]string{aws.ToString(out.ContentType), aws.ToString(out.CacheControl), aws.ToString(out.ContentLanguage), aws.ToString(out.ContentDisposition)}
		if got != [...]string{"text/odd", "max-age=5", "de", "inline"} {
			t.Errorf("%s carries %v", name, got)
		}
		if text, _, err := read(t.Context(), l, name, "", 0, -1); text != content(size) || err != nil {
			t.Errorf("%s: %d bytes, %v", name, len(text), err)
		}
	}
}

// TestChecksums shows those that another program has sent along.
func TestChecksums(t *testing.T) {
	t.Parallel()
	l := newLab(t, testserver.Versitygw, nil)
	c, err := l.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for algorithm, want := range map[types.ChecksumAlgorithm]backends.Sum{
		types.ChecksumAlgorithmSha256:    {Algorithm: "sha256", Hex: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		types.ChecksumAlgorithmSha1:      {Algorithm: "sha1", Hex: "a9993e364706816aba3e25717850c26c9cd0d89d"},
		types.ChecksumAlgorithmCrc32c:    {Algorithm: "crc32c", Hex: "364b3fb7"},
		types.ChecksumAlgorithmCrc64nvme: {Algorithm: "crc64nvme", Hex: "05e5cabb3fc1faeb"},
	} {
		name := string(algorithm)
		call, err := l.rest.Begin(t.Context(), "PUT", 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.api.PutObject(call.Context(), &sdk.PutObjectInput{
			Bucket: aws.String(bucket), Key: &name, Body: strings.NewReader("abc"), ChecksumAlgorithm: algorithm,
		})
		if call.End(err) != nil {
			t.Fatal(err)
		}
		e, err := l.Stat(t.Context(), name)
		if err != nil || !slices.Contains(e.Sums, want) || len(e.Sums) != 2 {
			t.Errorf("%s: got %v, %v, want %v and an MD5", name, e.Sums, err, want)
		}
	}
}

// TestContentTypes are by the name's end where nobody says another.
func TestContentTypes(t *testing.T) {
	t.Parallel()
	l := newLab(t, testserver.Versitygw, nil)
	for name, want := range map[string]string{"page.html": "text/html; charset=utf-8", "a.b/picture.png": "image/png"} {
		if err := write(t, l.Backend, "PUT", name, "x"); err != nil {
			t.Fatal(err)
		}
		if e, err := l.Stat(t.Context(), name); err != nil || e.Meta.ContentType != want {
			t.Errorf("%s: got %+v, %v; want %q", name, e.Meta, err, want)
		}
	}
}

// TestLargeCopies go in parts, and so does a copy onto itself.
func TestLargeCopies(t *testing.T) {
	t.Parallel()
	l := newLab(t, testserver.Versitygw, func(c *Config) { c.MaxCopy = 1000 })
	text := content(6 << 20)
	l.server.MustPut(t, bucket, "src", text)
	src, err := l.Stat(t.Context(), "src")
	if err != nil {
		t.Fatal(err)
	}
	for _, dst := range []string{"dst", "src"} {
		l.faults.Forget()
		e, err := l.Copy(t.Context(), dst, "src", backends.CopyOptions{Source: src.Version, Size: src.Size, Meta: &backends.Meta{Mode: 0o100600}})
		if err != nil || e.Size != src.Size || e.Meta.Mode != 0o100600 {
			t.Fatalf("got %+v, %v", e, err)
		}
		if n := l.faults.Count("PARTCOPY"); n != 2 {
			t.Errorf("copied in %d parts, want 2", n)
		}
		if got, at, err := read(t.Context(), l, dst, e.Version, 0, -1); got != text || err != nil || at.Meta.Mode != 0o100600 {
			t.Errorf("%s: %d bytes of %+v, %v", dst, len(got), at, err)
		}
	}
	// One that cannot be finished leaves nothing.
	if _, err := l.Copy(t.Context(), "dst", "src", backends.CopyOptions{Cond: backends.Cond{Absent: true}}); err == nil {
		t.Error("copied over what should be absent")
	}
	if n := l.faults.Count("ABORT"); n != 1 {
		t.Errorf("got %d aborts, want 1", n)
	}
}
