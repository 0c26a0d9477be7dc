package fs

import (
	"sync"
)

// Inode numbers: bit 63 is go-fuse's own (the fixed roots), bit 62 marks cloud
// objects, bits 48 to 61 number the local file system and bits 0 to 47 are its
// inode number. What does not fit gets a number from a table: go-fuse takes equal
// numbers for the same file, so a clash must not be possible.
const (
	inoBits   = 48
	inoCloud  = 1 << 62
	slotBits  = 14
	spillSlot = 1<<slotBits - 1
)

// inoTable numbers files of every local file system. Safe for concurrent use.
type inoTable struct {
	mu      sync.Mutex
	slots   map[deviceID]uint64
	spilled map[spilledIno]uint64
}

// deviceID is one mount of one file system. A file that is visible through two
// mounts (bind mounts) is two files to us: they lie in different directories.
type deviceID struct {
	dev   uint64 // st_dev
	mount uint64 // the kernel's number of the mount, never used again since Linux 6.8
}

type spilledIno struct {
	device deviceID
	ino    uint64
}

func newInoTable() *inoTable {
	return &inoTable{slots: make(map[deviceID]uint64), spilled: make(map[spilledIno]uint64)}
}

// slot gives the number of a mount, the same for each call. The first one is 0, so
// that the numbers of most files are those of the bare file system.
func (t *inoTable) slot(id deviceID) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.slots[id]
	if !ok {
		s = min(uint64(len(t.slots)), spillSlot)
		t.slots[id] = s
	}
	return s
}

// number gives the inode number shown for inode ino of a mount, whose slot is given.
func (t *inoTable) number(slot uint64, id deviceID, ino uint64) uint64 {
	if slot != spillSlot && ino>>inoBits == 0 {
		return slot<<inoBits | ino
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := spilledIno{id, ino}
	n, ok := t.spilled[key]
	if !ok {
		n = uint64(len(t.spilled)) + 1
		t.spilled[key] = n
	}
	return spillSlot<<inoBits | n
}
