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
	slots   map[uint64]uint64 // st_dev -> slot
	spilled map[[2]uint64]uint64
}

func newInoTable() *inoTable {
	return &inoTable{slots: make(map[uint64]uint64), spilled: make(map[[2]uint64]uint64)}
}

// slot gives the number of a file system, the same for each call.
func (t *inoTable) slot(dev uint64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.slots[dev]
	if !ok {
		s = min(uint64(len(t.slots))+1, spillSlot)
		t.slots[dev] = s
	}
	return s
}

// number gives the inode number shown for inode ino of file system dev, whose
// slot is given.
func (t *inoTable) number(slot, dev, ino uint64) uint64 {
	if slot != spillSlot && ino>>inoBits == 0 {
		return slot<<inoBits | ino
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := [2]uint64{dev, ino}
	n, ok := t.spilled[key]
	if !ok {
		n = uint64(len(t.spilled)) + 1
		t.spilled[key] = n
	}
	return spillSlot<<inoBits | n
}
