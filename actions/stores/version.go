package stores

import (
	"encoding/base64"
	"encoding/binary"
	"time"
)

// tick is more than the steps in which a file system's clock goes: of two changes within one
// tick the second may leave no trace in a file's times. Some have whole seconds only, or two.
const (
	tick       = 20 * time.Millisecond
	coarseTick = 2 * time.Second
)

// linked stands for the ctime of a file with several names: it changes whenever one of them
// comes or goes, without anything having happened to the bytes.
const linked = 0

// VersionOf packs what tells that a local file is still the same: size, mtime and ctime in
// nanoseconds, and inode number. Of a file with several names (links) the ctime does not count. The
// result is short and printable.
func VersionOf(size, mtime, ctime int64, inode, links uint64) string {
	if links > 1 {
		ctime = linked
	}
	var buf [3*binary.MaxVarintLen64 + 8]byte
	b := binary.BigEndian.AppendUint64(buf[:0], uint64(mtime))
	b = binary.AppendVarint(b, ctime-mtime)
	b = binary.AppendUvarint(b, uint64(size))
	b = binary.AppendUvarint(b, inode)
	var text [4 * (3*binary.MaxVarintLen64 + 10) / 3]byte
	return string(base64.RawURLEncoding.AppendEncode(text[:0], b))
}

// localVersion is what VersionOf has packed.
type localVersion struct {
	size, mtime, ctime int64
	inode              uint64
}

func unpackVersion(version string) (v localVersion, ok bool) {
	var buf [3*binary.MaxVarintLen64 + 8]byte
	if base64.RawURLEncoding.DecodedLen(len(version)) > len(buf) {
		return v, false
	}
	n, err := base64.RawURLEncoding.Decode(buf[:], []byte(version))
	if err != nil || n < 8 {
		return v, false
	}
	b := buf[:n]
	v.mtime, b = int64(binary.BigEndian.Uint64(b)), b[8:]
	delta, n := binary.Varint(b)
	if n <= 0 {
		return v, false
	}
	v.ctime, b = v.mtime+delta, b[n:]
	size, n := binary.Uvarint(b)
	if n <= 0 {
		return v, false
	}
	v.size, b = int64(size), b[n:]
	v.inode, n = binary.Uvarint(b)
	return v, n > 0 && n == len(b)
}

// SameVersion tells whether a file that was version was is the same bytes at version is; ""
// for was accepts any. Versions of objects are equal or not. Versions of local files may differ where
// the file has, or had, several names.
func SameVersion(was, is string) bool {
	if was == "" || was == is {
		return true
	}
	a, ok := unpackVersion(was)
	if !ok {
		return false
	}
	b, ok := unpackVersion(is)
	if !ok {
		return false
	}
	if a.ctime == linked || b.ctime == linked {
		a.ctime, b.ctime = 0, 0
	}
	return a == b
}

// Unsettled tells whether a local file was changed so shortly before now that a further
// change might not show in its Version. Who is about to read it waits, looks again, and
// compares once more when it has read.
func Unsettled(e *Entry, now time.Time) bool {
	limit := tick
	if e.Changed%int64(time.Second) == 0 {
		limit = coarseTick
	}
	age := now.UnixNano() - e.Changed
	return age < int64(limit) && age > -int64(limit)
}
