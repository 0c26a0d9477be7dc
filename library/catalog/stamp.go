package catalog

import (
	"encoding/binary"
	"errors"

	"sd/identity"
)

// A stamp is a time of change and the store's version in few bytes. Equal pairs have equal
// stamps, so that versions are compared by them.
//
//	1 byte   flags
//	time     a varint of seconds where there is no more to it, or 8 bytes of nanoseconds
//	version  of a local file: its inode as a uvarint; its ctime, if not the time above, as
//	         a varint of nanoseconds from there, or in 8 bytes where those are shorter
//	         of others: its bytes
const (
	stampSeconds = 1 << iota // the time is whole seconds
	stampLocal               // the version is that of a local file
	stampSame                // its ctime is the time
	stampFar                 // its ctime is in 8 bytes
)

// near is what a varint holds in eight bytes.
const near = 1 << 55

const second = 1_000_000_000

var errStamp = errors.New("catalog: a version in the index makes no sense")

func appendStamp(b []byte, mtime int64, version string) []byte {
	at, flags := len(b), byte(0)
	b = append(b, 0)
	if mtime%second == 0 {
		flags |= stampSeconds
		b = binary.AppendVarint(b, mtime/second)
	} else {
		b = binary.BigEndian.AppendUint64(b, uint64(mtime))
	}
	inode, ok := identity.Inode(version)
	ctime, _ := identity.Ctime(version)
	if !ok {
		b = append(b, version...)
		b[at] = flags
		return b
	}
	flags |= stampLocal
	b = binary.AppendUvarint(b, inode)
	switch past := ctime - mtime; {
	case past == 0:
		flags |= stampSame
	case past > -near && past < near:
		b = binary.AppendVarint(b, past)
	default:
		flags |= stampFar
		b = binary.BigEndian.AppendUint64(b, uint64(ctime))
	}
	b[at] = flags
	return b
}

func readStamp(b []byte) (mtime int64, version string, err error) {
	if len(b) == 0 {
		return 0, "", errStamp
	}
	flags, b := b[0], b[1:]
	if flags&stampSeconds != 0 {
		s, n := binary.Varint(b)
		if n <= 0 {
			return 0, "", errStamp
		}
		mtime, b = s*second, b[n:]
	} else if len(b) >= 8 {
		mtime, b = int64(binary.BigEndian.Uint64(b)), b[8:]
	} else {
		return 0, "", errStamp
	}
	if flags&stampLocal == 0 {
		return mtime, string(b), nil
	}
	inode, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, "", errStamp
	}
	b = b[n:]
	ctime := mtime
	switch {
	case flags&stampSame != 0:
	case flags&stampFar != 0:
		if len(b) < 8 {
			return 0, "", errStamp
		}
		ctime = int64(binary.BigEndian.Uint64(b))
	default:
		past, n := binary.Varint(b)
		if n <= 0 {
			return 0, "", errStamp
		}
		ctime += past
	}
	return mtime, identity.LocalVersion(ctime, inode), nil
}
