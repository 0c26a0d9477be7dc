package cache

import (
	"crypto/sha256"
	"encoding/binary"
)

// ID names one version of one file: equal IDs mean equal bytes.
type ID [16]byte

// NewID digests the volume's fingerprint, the file's name in it and its version.
func NewID(fingerprint, name, version string) ID {
	h := sha256.New()
	for _, s := range [...]string{fingerprint, name, version} {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return ID(h.Sum(nil)[:16])
}

// key names a range of a file: a block, or the fragment of a scattered read.
type key struct {
	id     ID
	off, n int64
}

// blockKey is the nth block of a file of that size; the last one may be short.
func blockKey(f *File, n int64) key {
	off := n * blockSize
	return key{f.ID, off, min(blockSize, f.Size-off)}
}

// hash spreads keys over 64 bits. Two keys may share a hash: the tier compares keys.
func (k key) hash() uint64 {
	h := binary.LittleEndian.Uint64(k.id[:8]) ^ binary.LittleEndian.Uint64(k.id[8:])
	h += uint64(k.off)*0x9e3779b97f4a7c15 + uint64(k.n)*0xd1b54a32d192ed03
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
