package search

import (
	"bytes"
	"sort"

	"sd/library/catalog"
)

// scan is one search in one state of the catalog. Its workers share it and do not change it.
type scan struct {
	m       *matcher
	tree    *tree
	overlay *overlay
	pack    *pack
	bits    []uint64 // of each folder
	alike   bool     // all folders have the same, and no marks
}

// worker looks through blocks. It is for one goroutine.
type worker struct {
	*scan
	top     top                   // where the matches go
	emit    func(candidate) error // or here, if not nil; its error ends the work
	matches int64
	plans   map[uint64]*plan

	number       int32 // of the block
	block        block
	runs         []run
	sizes, times []int64
	sized, timed bool // whether they are there
	text, entry  int  // entry is the number of the name that begins at text
	names        nameCursor
	err          error
}

func (s *scan) worker(limit int, emit func(candidate) error) *worker {
	w := &worker{scan: s, emit: emit, plans: map[uint64]*plan{}}
	w.top = top{limit: limit, less: s.less}
	return w
}

// look looks through block i.
func (w *worker) look(i int) error {
	var err error
	if w.block, err = w.pack.block(i); err != nil {
		return err
	}
	w.number, w.sized, w.timed, w.runs = int32(i), false, false, w.runs[:0]
	if w.m.kinds != 0 {
		if err := w.pack.columns(i, &w.block); err != nil {
			return err
		}
	}
	w.text, w.entry = 1, 0
	w.names = nameCursor{}
	if w.alike {
		w.part(&run{end: w.block.n, to: len(w.block.text) - 1}, w.bits[0], 0)
		return w.err
	}
	w.loadRuns()
	for i := 0; i < len(w.runs) && w.err == nil; {
		r := w.runs[i]
		bits, mark := w.bits[r.folder], w.tree.mark(r.folder)&(markAll|markSome)
		for i++; i < len(w.runs); i++ { // what is alike is looked through at once
			next := &w.runs[i]
			if w.bits[next.folder] != bits || w.tree.mark(next.folder)&(markAll|markSome) != mark {
				break
			}
			r.end, r.to = next.end, next.to
		}
		w.part(&r, bits, mark)
	}
	return w.err
}

// part looks through the files of folders that have the same bits and marks.
func (w *worker) part(r *run, bits uint64, mark mark) {
	if mark&markAll != 0 {
		return
	}
	p := w.plans[bits]
	if p == nil {
		p = w.m.plan(bits, &w.pack.rarity)
		w.plans[bits] = p
	}
	if !p.none {
		w.run(p, r, mark&markSome != 0)
	}
}

func (w *worker) loadRuns() {
	var ok bool
	if w.runs, ok = w.block.readRuns(w.runs[:0], len(w.pack.dirs.parent)); !ok && w.err == nil {
		w.err = badPack("a block's runs are damaged")
	}
}

// run looks through the names of r. some says that some of them do not hold any more.
func (w *worker) run(p *plan, r *run, some bool) {
	m := w.m
	if p.byPath && w.emit == nil && !some && m.kinds == 0 && len(m.exts) == 0 && !m.sized && !m.timed {
		w.runByPath(p, r)
		return
	}
	text := w.block.text[:r.to+1]
	if p.byPath || p.needle.lit == nil {
		w.runAll(p, r, some)
		return
	}
	for at := r.from; w.err == nil; {
		i := p.needle.index(text[at:])
		if i < 0 {
			return
		}
		at += i
		start, end := around(text, at)
		w.consider(p, start, end, some)
		at = end
	}
}

// runAll looks at each of the names.
func (w *worker) runAll(p *plan, r *run, some bool) {
	m, text := w.m, w.block.text[:r.to+1]
	if m.sized {
		w.size(0)
	}
	if m.timed {
		w.time(0)
	}
	entry := r.first
	for at := r.from + 1; at < len(text) && w.err == nil; entry++ {
		end := at + bytes.IndexByte(text[at:], separator)
		if (m.kinds == 0 || m.kind(w.kind(entry))) && (!m.sized || m.size(w.sizes[entry])) && (!m.timed || m.time(w.times[entry])) {
			w.text, w.entry = at, entry
			w.consider(p, at, end, some)
		}
		at = end + 1
	}
}

// around returns where the name begins and ends that has the byte at, or begins after the
// separator there.
func around(text []byte, at int) (start, end int) {
	if text[at] == separator {
		at++
		return at, at + bytes.IndexByte(text[at:], separator)
	}
	for start = at; text[start-1] != separator; start-- {
	}
	return start, at + bytes.IndexByte(text[at:], separator)
}

// runByPath is run where all names are matches for the folders they are in, and no filter could
// tell otherwise: then they need not all be looked at.
func (w *worker) runByPath(p *plan, r *run) {
	w.matches += int64(r.end - r.first)
	m, text := w.m, w.block.text[:r.to+1]
	at := r.from
	if p.needle.few { // until none has a chance any more that has the words only in its path
		for at < len(text)-1 && w.top.worst() >= keyOf(RankPath, nil) {
			at = w.offerNext(text, at)
		}
		for at < len(text)-1 {
			i := p.needle.index(text[at:])
			if i < 0 {
				return
			}
			start, end := around(text, at+i)
			if name := text[start:end]; w.hopeful(name) {
				w.offer(m.rank(name), start, end)
			}
			at = end
		}
		return
	}
	for at < len(text)-1 {
		at = w.offerNext(text, at)
	}
}

// offerNext offers the name behind the separator at, and returns where it ends.
func (w *worker) offerNext(text []byte, at int) (end int) {
	start := at + 1
	end = start + bytes.IndexByte(text[start:], separator)
	if name := text[start:end]; w.hopeful(name) || keyOf(RankPath, name) <= w.top.worst() {
		w.offer(w.m.rank(name), start, end)
	}
	return end
}

// consider looks at one name.
func (w *worker) consider(p *plan, start, end int, some bool) {
	m, name := w.m, w.block.text[start:end]
	if m.kinds != 0 && !m.kind(w.kind(w.entryAt(start))) {
		return
	}
	if !p.sure && !p.byPath && !m.fits(p.above, name) || !m.ext(name) {
		return
	}
	if m.sized && !m.size(w.size(w.entryAt(start))) || m.timed && !m.time(w.time(w.entryAt(start))) {
		return
	}
	if some && w.overlay.hides(w.folder(w.entryAt(start)), w.name(w.entryAt(start), name)) {
		return
	}
	w.matches++
	if w.emit != nil {
		if w.err == nil {
			w.err = w.emit(w.candidate(m.rank(name), start, end))
		}
		return
	}
	if w.hopeful(name) {
		w.offer(m.rank(name), start, end)
	}
}

// hopeful tells whether a match of that name may be among the best. It looks at little.
func (w *worker) hopeful(name []byte) bool {
	worst := w.top.worst()
	return keyOf(RankWord, name) <= worst || keyOf(RankName, name) <= worst && bytes.HasPrefix(name, w.m.whole)
}

func (w *worker) offer(r Rank, start, end int) {
	if keyOf(r, w.block.text[start:end]) <= w.top.worst() {
		w.top.offer(w.candidate(r, start, end))
	}
}

func (w *worker) candidate(r Rank, start, end int) candidate {
	entry := w.entryAt(start)
	return candidate{
		key: keyOf(r, w.block.text[start:end]), time: w.time(entry), folder: w.folder(entry),
		from: w.number, entry: int32(entry), at: uint32(start),
	}
}

// entryAt returns the number of the file whose name begins at start.
func (w *worker) entryAt(start int) int {
	if start < w.text {
		w.text, w.entry = 1, 0
	}
	w.entry += bytes.Count(w.block.text[w.text:start], []byte{separator})
	w.text = start
	return w.entry
}

func (w *worker) kind(entry int) catalog.Kind {
	return catalog.Kind(w.block.kinds[entry] & (1<<typeShift - 1))
}

func (w *worker) folder(entry int) int32 {
	if len(w.runs) == 0 {
		if w.loadRuns(); w.err != nil {
			return 0
		}
	}
	return w.runs[sort.Search(len(w.runs), func(i int) bool { return w.runs[i].end > entry })].folder
}

func (w *worker) size(entry int) int64 {
	if !w.sized {
		w.sizes, w.sized = grown(w.sizes, w.block.n), true
		w.must(w.block.readSizes(w.sizes))
	}
	return w.sizes[entry]
}

func (w *worker) time(entry int) int64 {
	if !w.timed {
		w.times, w.timed = grown(w.times, w.block.n), true
		w.must(w.block.readTimes(w.times))
	}
	return w.times[entry]
}

// must compares the checksum of what was just read, if that was not done, and notes an error.
func (w *worker) must(ok bool) {
	err := w.pack.columns(int(w.number), &w.block)
	if err == nil && !ok {
		err = w.pack.damaged(int(w.number))
	}
	if err != nil && w.err == nil {
		w.err = err
	}
}

func grown(s []int64, n int) []int64 {
	if cap(s) < n {
		return make([]int64, n, blockFiles)
	}
	return s[:n]
}

// name returns the name of a file of the block, given its folded one.
func (w *worker) name(entry int, folded []byte) string {
	name, ok := w.names.name(&w.block, entry, folded)
	if !ok {
		w.err = badPack("a block's names are damaged")
	}
	return name
}

// nameCursor gives the names of a block's files. It is quick for one that comes after the last.
type nameCursor struct {
	r        reader
	from, at int // r is at the file at; those since from have the folded name
}

func (c *nameCursor) name(b *block, entry int, folded []byte) (name string, ok bool) {
	if entry < c.from || c.at == 0 && c.from == 0 {
		*c = nameCursor{r: reader{b: b.cases}}
		c.skip()
	}
	for c.at < entry {
		skipCase(&c.r)
		c.from = c.at + 1
		c.skip()
	}
	if c.at > entry {
		return string(folded), !c.r.bad
	}
	name = string(applyCase(nil, &c.r, folded))
	c.from = c.at + 1
	c.skip()
	return name, !c.r.bad
}

// skip goes from the file from to the next whose name is not the folded one.
func (c *nameCursor) skip() {
	c.at = blockFiles
	if len(c.r.b) > 0 {
		c.at = min(c.from+int(min(c.r.uvarint(), blockFiles)), blockFiles)
	}
}
