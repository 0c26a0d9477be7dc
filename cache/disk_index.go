package cache

import (
	"container/list"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	partSuffix = ".part"
	touchAfter = time.Minute // how old a file's mtime may be while it is in use
)

// index knows the complete files on disk; bytes counts the incomplete ones too.
type index struct {
	files  map[ID]*diskFile
	recent *list.List // of *diskFile, used last first
	bytes  int64
}

// diskFile is a complete file. Its mtime on disk is when it was last used, about.
type diskFile struct {
	id    ID
	size  int64
	sum   uint32 // CRC-32C
	place *list.Element
	used  time.Time // as its mtime says

	checking bool        // in the background
	trusted  atomic.Bool // verified, or written, by this process
	check    func() bool // verifies it once; whoever asks meanwhile waits
}

func newIndex() index {
	return index{files: make(map[ID]*diskFile), recent: list.New()}
}

// onDisk is what n bytes take of the disk: whole pages.
func onDisk(n int64) int64 {
	const page = 4096
	return (n + page - 1) / page * page
}

func (e *diskFile) name() string { return fmt.Sprintf("%x-%08x", e.id[:], e.sum) }

func partName(id ID) string { return hex.EncodeToString(id[:]) + partSuffix }

// parseName is the inverse of diskFile.name.
func parseName(name string) (id ID, sum uint32, ok bool) {
	text, crc, found := strings.Cut(name, "-")
	if !found || len(text) != 2*len(id) || len(crc) != 8 {
		return id, 0, false
	}
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		return id, 0, false
	}
	n, err := strconv.ParseUint(crc, 16, 32)
	return id, uint32(n), err == nil && name == (&diskFile{id: id, sum: uint32(n)}).name()
}

// scan fills the index from names, sizes and times, and removes what a process that
// was killed has left half-way. It reads no content.
func (d *disk) scan() {
	defer close(d.scanned)
	names, err := os.ReadDir(d.dir)
	if err != nil {
		d.pause(err)
		return
	}
	var found, stale []*diskFile
	for _, n := range names {
		if strings.HasSuffix(n.Name(), partSuffix) {
			os.Remove(filepath.Join(d.dir, n.Name()))
			continue
		}
		id, sum, ok := parseName(n.Name())
		if !ok || !n.Type().IsRegular() {
			continue
		}
		if info, err := n.Info(); err == nil {
			found = append(found, d.newFile(id, info.Size(), sum, info.ModTime()))
		}
	}
	slices.SortFunc(found, func(a, b *diskFile) int { return b.used.Compare(a.used) })
	d.mu.Lock()
	for _, e := range found {
		d.index.bytes += onDisk(e.size)
		if d.index.files[e.id] != nil {
			stale = append(stale, e)
			continue
		}
		d.index.files[e.id] = e
		e.place = d.index.recent.PushBack(e)
	}
	d.mu.Unlock()
	for _, e := range stale {
		d.remove(e)
	}
	for d.full(0) && d.evict() {
	}
}

func (d *disk) newFile(id ID, size int64, sum uint32, used time.Time) *diskFile {
	e := &diskFile{id: id, size: size, sum: sum, used: used}
	e.check = d.checkOnce(e)
	return e
}

// full tells whether n bytes more are too many.
func (d *disk) full(n int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.index.bytes+n > d.max
}

// add makes a new file the one that was used last, in exchange for the bytes that were
// counted while it was written.
func (d *disk) add(e *diskFile, counted int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.index.files[e.id] = e
	e.place = d.index.recent.PushFront(e)
	d.index.bytes += onDisk(e.size) - counted
}

// discard removes e from the index, and then from the disk without holding up who looks
// into the index. Who has it open can read on. It tells whether e was there.
func (d *disk) discard(e *diskFile) bool {
	d.mu.Lock()
	there := d.index.files[e.id] == e
	if there {
		delete(d.index.files, e.id)
		d.index.recent.Remove(e.place)
	}
	d.mu.Unlock()
	if there {
		d.remove(e)
	}
	return there
}

// remove removes a file that is not in the index. Until it is gone its bytes count.
func (d *disk) remove(e *diskFile) {
	os.Remove(filepath.Join(d.dir, e.name()))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.index.bytes -= onDisk(e.size)
}

// evict discards the file that was used longest ago, if there is one.
func (d *disk) evict() bool {
	d.mu.Lock()
	oldest := d.index.recent.Back()
	d.mu.Unlock()
	if oldest == nil {
		return false
	}
	if d.discard(oldest.Value.(*diskFile)) {
		d.evictions.Add(1)
	}
	return true
}
