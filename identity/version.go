package identity

import "encoding/binary"

// LocalVersion packs what tells, beside size and time of change, that a local file is
// still the same: its ctime in nanoseconds and its inode number. The result is opaque
// bytes, short, and equal exactly if both are.
func LocalVersion(ctime int64, inode uint64) string {
	var buf [binary.MaxVarintLen64 + 8]byte
	b := binary.AppendUvarint(buf[:0], inode)
	return string(binary.BigEndian.AppendUint64(b, uint64(ctime)))
}

// Inode is the inode number in what LocalVersion made; false for anything else.
func Inode(version string) (uint64, bool) {
	_, inode, ok := unpack(version)
	return inode, ok
}

// Ctime is the time in what LocalVersion made, in nanoseconds; false for anything else.
func Ctime(version string) (int64, bool) {
	ctime, _, ok := unpack(version)
	return ctime, ok
}

func unpack(version string) (ctime int64, inode uint64, ok bool) {
	if len(version) < 9 || len(version) > binary.MaxVarintLen64+8 {
		return 0, 0, false
	}
	var buf [binary.MaxVarintLen64 + 8]byte
	b := buf[:copy(buf[:], version)]
	inode, n := binary.Uvarint(b)
	if n <= 0 || n+8 != len(b) || (n > 1 && b[n-1] == 0) {
		return 0, 0, false
	}
	return int64(binary.BigEndian.Uint64(b[n:])), inode, true
}
