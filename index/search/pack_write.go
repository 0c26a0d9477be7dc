package search

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"

	"sd/library/catalog"
)

// source is what a pack is made from: a snapshot of the catalog.
type source interface {
	Roots() (map[catalog.FolderID]catalog.Place, error)
	EachFolder(fn func(catalog.Folder) error) error
	EachFile(fn func(catalog.FolderID, *catalog.File) error) error
}

// packWriter writes a pack. It keeps the folders in memory, and one block of files.
type packWriter struct {
	w     *bufio.Writer
	at    uint64
	head  header
	index []byte
	bytes [256]uint64 // how often each is in the texts

	folders []writeFolder // as the catalog has them, by id
	order   []int32       // numbers in folders, as they stand in the table
	number  []int32       // of each of folders in the table; -1: not there

	block writeBlock
}

type writeFolder struct {
	id     catalog.FolderID
	parent int32 // number in folders; -1 none
	name   string
	time   int64
	place  catalog.Place // where there is no parent
}

type writeBlock struct {
	n                                      int
	text, kinds, runs, cases, sizes, times []byte

	folder, last  int32 // of this run, of the one before
	count, length int   // of this run
	plain         int   // entries since the last in cases
	time          int64 // of the last
}

// writePack writes to f, from its beginning, the pack of what src has. head says which pack
// that is; its other fields count for nothing.
func writePack(f io.WriteSeeker, head header, src source) error {
	p := &packWriter{w: bufio.NewWriterSize(f, 1<<20), head: head}
	if err := p.write(make([]byte, headerSize)); err != nil {
		return err
	}
	if err := p.readFolders(src); err != nil {
		return err
	}
	p.sortFolders()
	if err := p.writeFiles(src); err != nil {
		return err
	}
	if err := p.writeTable(); err != nil {
		return err
	}
	if err := p.writeIndex(); err != nil {
		return err
	}
	if err := p.w.Flush(); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := f.Write(p.head.encode())
	return err
}

func (p *packWriter) write(b []byte) error {
	p.at += uint64(len(b))
	_, err := p.w.Write(b)
	return err
}

func (p *packWriter) readFolders(src source) error {
	places, err := src.Roots()
	if err != nil {
		return err
	}
	var parents []catalog.FolderID
	err = src.EachFolder(func(f catalog.Folder) error {
		if n := len(p.folders); n > 0 && f.ID <= p.folders[n-1].id {
			return fmt.Errorf("folder %d of the index comes after %d", f.ID, p.folders[n-1].id)
		}
		w := writeFolder{id: f.ID, parent: -1, name: f.Name, time: seconds(f.ModTime), place: places[f.ID]}
		if w.place != "" {
			w.name, f.Parent = "", 0
		}
		p.folders = append(p.folders, w)
		parents = append(parents, f.Parent)
		return nil
	})
	if err != nil {
		return err
	}
	if len(p.folders) > math.MaxInt32 {
		return fmt.Errorf("%d folders are more than a name pack can have", len(p.folders))
	}
	for i := range p.folders {
		p.folders[i].parent = p.find(parents[i])
	}
	return nil
}

// find returns the number of a folder in folders, or -1.
func (p *packWriter) find(id catalog.FolderID) int32 {
	i, ok := slices.BinarySearchFunc(p.folders, id, func(f writeFolder, id catalog.FolderID) int { return cmp.Compare(f.id, id) })
	if !ok {
		return -1
	}
	return int32(i)
}

// sortFolders puts each folder before those in it, and those in the order of their names. What does not
// hang below a place is left out.
func (p *packWriter) sortFolders() {
	children := make([]int32, len(p.folders)) // by parent, then name, downwards
	for i := range children {
		children[i] = int32(i)
	}
	slices.SortFunc(children, func(a, b int32) int {
		x, y := &p.folders[a], &p.folders[b]
		return cmp.Or(cmp.Compare(x.parent, y.parent), cmp.Compare(y.place, x.place), cmp.Compare(y.name, x.name))
	})
	first := func(parent int32) int {
		return sort.Search(len(children), func(i int) bool { return p.folders[children[i]].parent >= parent })
	}
	p.number = make([]int32, len(p.folders))
	for i := range p.number {
		p.number[i] = -1
	}
	var stack []int32
	for _, c := range children[:first(0)] {
		if p.folders[c].place != "" {
			stack = append(stack, c)
		}
	}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		p.number[i] = int32(len(p.order))
		p.order = append(p.order, i)
		for at := first(i); at < len(children) && p.folders[children[at]].parent == i; at++ {
			stack = append(stack, children[at])
		}
	}
}

func (p *packWriter) writeFiles(src source) error {
	b := &p.block
	b.reset()
	at := 0 // in folders: both come in the order of ids
	err := src.EachFile(func(id catalog.FolderID, f *catalog.File) error {
		if at >= len(p.folders) || p.folders[at].id != id {
			i := p.find(id)
			if i < 0 {
				return fmt.Errorf("folder %d of the index is missing", id)
			}
			at = int(i)
		}
		number := p.number[at]
		if number < 0 {
			return nil
		}
		if b.n == blockFiles || len(b.text) >= blockText {
			if err := p.writeBlock(); err != nil {
				return err
			}
		}
		b.add(number, f)
		p.head.files++
		return nil
	})
	if err != nil || b.n == 0 {
		return err
	}
	return p.writeBlock()
}

func (b *writeBlock) reset() {
	*b = writeBlock{
		text: append(b.text[:0], separator), kinds: b.kinds[:0], runs: b.runs[:0],
		cases: b.cases[:0], sizes: b.sizes[:0], times: b.times[:0],
	}
}

func (b *writeBlock) add(folder int32, f *catalog.File) {
	if b.count > 0 && b.folder != folder {
		b.endRun()
	}
	b.folder = folder
	start := len(b.text)
	b.text = fold(b.text, f.Name)
	if folded := b.text[start:]; string(folded) == f.Name {
		b.plain++
	} else {
		b.cases = binary.AppendUvarint(b.cases, uint64(b.plain))
		b.cases = appendCase(b.cases, f.Name, folded)
		b.plain = 0
	}
	b.text = append(b.text, separator)
	b.kinds = append(b.kinds, byte(f.Kind)&(1<<typeShift-1)|byte(f.Type)<<typeShift)
	b.sizes = binary.AppendUvarint(b.sizes, uint64(max(f.Size, 0)))
	t := seconds(f.ModTime)
	b.times = appendSigned(b.times, t-b.time)
	b.time = t
	b.n++
	b.count++
	b.length += len(b.text) - start
}

func (b *writeBlock) endRun() {
	b.runs = appendSigned(b.runs, int64(b.folder-b.last))
	b.runs = binary.AppendUvarint(b.runs, uint64(b.count))
	b.runs = binary.AppendUvarint(b.runs, uint64(b.length))
	b.last, b.count, b.length = b.folder, 0, 0
}

func (p *packWriter) writeBlock() error {
	b := &p.block
	b.endRun()
	for _, c := range b.text {
		p.bytes[c]++
	}
	length, sum, err := p.writeParts(b.n, [][]byte{b.text, b.runs, b.cases}, b.kinds, b.sizes, b.times)
	if err != nil {
		return err
	}
	columns := update(update(checksum(b.kinds), b.sizes), b.times)
	for _, n := range []uint32{length, uint32(b.n), sum, columns} {
		p.index = binary.LittleEndian.AppendUint32(p.index, n)
	}
	p.head.blocks++
	b.reset()
	return nil
}

// writeParts writes n, the lengths of all parts, and them. sum is without those of rest.
func (p *packWriter) writeParts(n int, parts [][]byte, rest ...[]byte) (length, sum uint32, err error) {
	head := binary.LittleEndian.AppendUint32(nil, uint32(n))
	all := append(parts[:len(parts):len(parts)], rest...)
	for _, part := range all {
		head = binary.LittleEndian.AppendUint32(head, uint32(len(part)))
	}
	for i, part := range append([][]byte{head}, all...) {
		length += uint32(len(part))
		if i <= len(parts) {
			sum = update(sum, part)
		}
		if err := p.write(part); err != nil {
			return 0, 0, err
		}
	}
	return length, sum, nil
}

func (p *packWriter) writeTable() error {
	text := []byte{separator}
	var cases, ups, ids, times, places []byte
	plain, id, time := 0, int64(0), int64(0)
	above := []int32{} // the folders that the one before lies in, and itself
	for _, i := range p.order {
		f := &p.folders[i]
		up := 0
		for len(above) > 0 && above[len(above)-1] != f.parent {
			above = above[:len(above)-1]
			up++
		}
		above = append(above, i)
		start := len(text)
		text = fold(text, f.name)
		if folded := text[start:]; string(folded) == f.name {
			plain++
		} else {
			cases = binary.AppendUvarint(cases, uint64(plain))
			cases = appendCase(cases, f.name, folded)
			plain = 0
		}
		text = append(text, separator)
		ups = binary.AppendUvarint(ups, uint64(up))
		ids = appendSigned(ids, int64(f.id)-id)
		times = appendSigned(times, f.time-time)
		id, time = int64(f.id), f.time
		if f.parent < 0 {
			places = binary.AppendUvarint(places, uint64(len(f.place)))
			places = append(places, f.place...)
		}
	}
	p.head.folders = uint64(len(p.order))
	p.head.table.at = p.at
	length, sum, err := p.writeParts(len(p.order), [][]byte{text, cases, ups, ids, times, places})
	p.head.table.length, p.head.table.sum = uint64(length), sum
	return err
}

func (p *packWriter) writeIndex() error {
	var all uint64
	for _, n := range p.bytes {
		all += n
	}
	for _, n := range p.bytes {
		p.index = binary.LittleEndian.AppendUint32(p.index, uint32(float64(n)/float64(max(all, 1))*math.MaxUint32))
	}
	p.head.index = section{at: p.at, length: uint64(len(p.index)), sum: checksum(p.index)}
	return p.write(p.index)
}

// seconds returns the second that a time in nanoseconds lies in.
func seconds(ns int64) int64 {
	s := ns / 1e9
	if ns%1e9 < 0 {
		s--
	}
	return s
}
