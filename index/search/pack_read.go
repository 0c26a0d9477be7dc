package search

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"sd/library/catalog"
)

// pack is a name pack in memory. It is never changed; any number of searches may read it. All it
// hands out is valid until close.
type pack struct {
	header
	data   []byte
	close  func()
	blocks []blockRef
	rarity [256]uint32 // how often each byte is in the names of files, in 2^32ths
	dirs   dirTable

	users atomic.Int64 // see pin
}

type blockRef struct {
	at, length int64
	files      int
	sum        uint32          // of its names
	columns    uint32          // of the rest
	sound      *[2]atomic.Bool // whether each was compared
}

// dirTable has the folders, each before those in it. Their numbers are those of the table.
type dirTable struct {
	text   []byte   // folded names, as in a block
	at     []uint32 // where in text the name of each begins, and one more
	cases  []byte
	caseAt []uint32 // where in cases the name of each is, plus 1; 0: it is the folded one
	parent []int32  // -1: the top of a place
	ids    []catalog.FolderID
	times  []int64
	places []catalog.Place // of those without a parent, in their order
}

// openPack takes data, the whole of a file, for the pack id of a library. It reads the folders, and the
// blocks only as far as to know where they are. close is called when the pack is no longer
// used, unless there is an error.
func openPack(data []byte, library, id uuid.UUID, close func()) (*pack, error) {
	h, err := decodeHeader(data)
	if err != nil {
		return nil, err
	}
	if h.library != library || h.id != id {
		return nil, badPack("it is another one")
	}
	index, err := h.index.in(data)
	if err != nil {
		return nil, err
	}
	table, err := h.table.in(data)
	if err != nil {
		return nil, err
	}
	p := &pack{header: h, data: data, close: close}
	if err := p.readIndex(index); err != nil {
		return nil, err
	}
	table = bytes.Clone(table) // it is read again where no fault of the disk is expected
	if h.folders > math.MaxInt32 || !p.dirs.read(table, int(h.folders)) {
		return nil, badPack("its folders are damaged")
	}
	return p, nil
}

func (p *pack) readIndex(b []byte) error {
	entries := len(b) - 4*len(p.rarity)
	if entries < 0 || entries%indexEntry != 0 || uint64(entries/indexEntry) != p.header.blocks {
		return badPack("its index is damaged")
	}
	at, files := int64(headerSize), uint64(0)
	sound := make([][2]atomic.Bool, p.header.blocks)
	for i := range sound {
		r := blockRef{
			at:      at,
			length:  int64(binary.LittleEndian.Uint32(b)),
			files:   int(binary.LittleEndian.Uint32(b[4:])),
			sum:     binary.LittleEndian.Uint32(b[8:]),
			columns: binary.LittleEndian.Uint32(b[12:]),
			sound:   &sound[i],
		}
		b = b[indexEntry:]
		at += r.length
		files += uint64(r.files)
		if r.length > maxPackBlock || at > int64(len(p.data)) || r.files > blockFiles {
			return badPack("its index is damaged")
		}
		p.blocks = append(p.blocks, r)
	}
	if files != p.header.files {
		return badPack("its index is damaged")
	}
	for i := range p.rarity {
		p.rarity[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return nil
}

// read takes the table apart.
func (d *dirTable) read(b []byte, n int) bool {
	var cases, ups, ids, times, places []byte
	have, ok := cut(b, &d.text, &cases, &ups, &ids, &times, &places)
	if !ok || have != n || n >= len(d.text) {
		return false
	}
	var wait sync.WaitGroup
	var named, timed bool
	wait.Go(func() { named = d.readNames(n, cases) })
	wait.Go(func() {
		d.times, d.ids = make([]int64, n), make([]catalog.FolderID, n)
		timed = readSigned(d.times, times) && readSigned(d.ids, ids)
	})
	placed := d.readParents(n, ups, places)
	wait.Wait()
	return named && timed && placed
}

func (d *dirTable) readParents(n int, ups, places []byte) bool {
	d.parent = make([]int32, n)
	place := reader{b: places}
	above, at := int32(-1), 0
	for i := range d.parent {
		var up uint64
		for up, at = uvarint(ups, at); up > 0; up-- {
			if above < 0 {
				return false
			}
			above = d.parent[above]
		}
		d.parent[i] = above
		if above < 0 {
			d.places = append(d.places, catalog.Place(place.bytes(place.uvarint())))
		}
		above = int32(i)
	}
	return at == len(ups) && place.done()
}

func (d *dirTable) readNames(n int, cases []byte) bool {
	if d.text[0] != separator || len(d.text) > math.MaxUint32 {
		return false
	}
	d.at = make([]uint32, n+1)
	at := 1
	for i := range n {
		d.at[i] = uint32(at)
		end := bytes.IndexByte(d.text[at:], separator)
		if end < 0 {
			return false
		}
		at += end + 1
	}
	d.at[n] = uint32(at)
	d.cases = cases
	d.caseAt = make([]uint32, n)
	r := reader{b: cases}
	for i := 0; len(r.b) > 0; i++ {
		skip := r.uvarint()
		if skip >= uint64(n-i) {
			return false
		}
		i += int(skip)
		d.caseAt[i] = uint32(len(cases)-len(r.b)) + 1
		skipCase(&r)
	}
	return !r.bad && at == len(d.text)
}

// folded returns the folded name of folder i.
func (d *dirTable) folded(i int32) []byte { return d.text[d.at[i] : d.at[i+1]-1] }

// name returns the name of folder i.
func (d *dirTable) name(i int32) string {
	folded := d.folded(i)
	if d.caseAt[i] == 0 {
		return string(folded)
	}
	r := reader{b: d.cases[d.caseAt[i]-1:]}
	return string(applyCase(nil, &r, folded))
}

// block is one block, taken apart. It aliases the pack.
type block struct {
	n                                      int
	text, runs, cases, kinds, sizes, times []byte
}

// block takes block i apart. The first to do so compares the checksum of its names. Who needs its
// kinds, sizes or times calls columns before.
func (p *pack) block(i int) (b block, err error) {
	ref := &p.blocks[i]
	data := p.data[ref.at : ref.at+ref.length]
	ok := b.cut(data) && b.n == ref.files
	if ok && !ref.sound[0].Load() {
		ok = checksum(data[:len(data)-len(b.kinds)-len(b.sizes)-len(b.times)]) == ref.sum && b.sound(len(p.dirs.parent))
		ref.sound[0].Store(ok)
	}
	if !ok {
		return b, p.damaged(i)
	}
	return b, nil
}

// columns compares the checksum of all but the names of block i, unless that was done.
func (p *pack) columns(i int, b *block) error {
	ref := &p.blocks[i]
	if ref.sound[1].Load() {
		return nil
	}
	if update(update(checksum(b.kinds), b.sizes), b.times) != ref.columns {
		return p.damaged(i)
	}
	ref.sound[1].Store(true)
	return nil
}

func (p *pack) damaged(i int) error { return badPack(fmt.Sprintf("block %d is damaged", i)) }

// check compares all checksums that were not compared yet.
func (p *pack) check() (err error) {
	defer catchFault(&err)()
	for i := range p.blocks {
		b, err := p.block(i)
		if err == nil {
			err = p.columns(i, &b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sound tells whether the names are where the runs say. Scans rely on it.
func (b *block) sound(folders int) bool {
	var few [512]run // most blocks have no more
	runs, ok := b.readRuns(few[:0], folders)
	for _, r := range runs {
		names := b.text[r.from+1 : r.to+1]
		ok = ok && names[len(names)-1] == separator && bytes.Count(names, []byte{separator}) == r.end-r.first
	}
	return ok && b.text[0] == separator
}

// cut takes a block apart.
func (b *block) cut(data []byte) (ok bool) {
	b.n, ok = cut(data, &b.text, &b.runs, &b.cases, &b.kinds, &b.sizes, &b.times)
	return ok && b.n > 0 && b.n <= blockFiles && len(b.kinds) == b.n && len(b.text) > 0
}

// run is the files of one folder in a block.
type run struct {
	folder     int32
	first, end int // files
	from, to   int // where their names lie in text: from the separator before the first to the one after the last
}

// readRuns appends the block's runs to list; folders is how many there are.
func (b *block) readRuns(list []run, folders int) ([]run, bool) {
	at, i := run{}, 0
	for i < len(b.runs) {
		var number, count, length uint64
		number, i = uvarint(b.runs, i)
		count, i = uvarint(b.runs, i)
		length, i = uvarint(b.runs, i)
		folder := int64(at.folder) + unzigzag(number)
		if i > len(b.runs) || folder < 0 || folder >= int64(folders) || count == 0 || length == 0 ||
			count > uint64(b.n-at.end) || length > uint64(len(b.text)-1-at.to) {
			return list, false
		}
		at = run{int32(folder), at.end, at.end + int(count), at.to, at.to + int(length)}
		list = append(list, at)
	}
	return list, at.end == b.n && at.to == len(b.text)-1
}

// readSizes sets dst to the sizes of as many files.
func (b *block) readSizes(dst []int64) bool { return readAll(dst, b.sizes) }

// readTimes sets dst to the times of as many files.
func (b *block) readTimes(dst []int64) bool { return readSigned(dst, b.times) }

// readSigned sets dst to numbers of which b has the signed differences.
func readSigned[T ~int64](dst []T, b []byte) bool {
	ok := readAll(dst, b)
	last := T(0)
	for i, n := range dst {
		last += T(unzigzag(uint64(n)))
		dst[i] = last
	}
	return ok
}

// readAll sets dst to the uvarints that b begins with.
func readAll[T ~int64](dst []T, b []byte) bool {
	i := 0
	for k := range dst {
		var n uint64
		for shift := 0; ; shift += 7 {
			if i >= len(b) {
				return false
			}
			c := b[i]
			i++
			if c < 0x80 {
				n |= uint64(c) << shift
				break
			}
			n |= uint64(c&0x7f) << shift
		}
		dst[k] = T(n)
	}
	return true
}
