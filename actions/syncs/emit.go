package syncs

import (
	"context"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/identity"
)

// twinBelow is the size below which no other copy is looked for: sending it costs no more.
const twinBelow = 64 << 10

// removal is a file or folder that one side is to lose.
type removal struct {
	rel    string
	name   string // in the store
	folder bool
	slot   slot
	size   int64
	mtime  int64
	kind   backends.Kind
	ver    string
	note   string
	was    *record
	kept   bool // it is what both last had in common
	// renamed: it is not lost, it gets another name.
	renamed bool
	sum     identity.Sum
	hasSum  bool
}

// newcomer is a file that one side is to get, and which may be one that it has under another
// name.
type newcomer struct {
	row  row
	to   int
	slot slot
	late bool // a folder of that name goes first
	note string
}

// markNow is what is remembered of what side i has, without any step. Of a file that may be
// changing just now it is what was known before.
func (r *row) markNow(i int) mark {
	e := r.e[i]
	switch {
	case e.Inode == 0 || !stores.Unsettled(e, time.Now()):
		return markOf(e)
	case !r.folder && r.kept(i):
		return r.last.Marks[i]
	}
	return mark{}
}

// recordOf is the record of a name as side i has it.
func (r *row) recordOf(i int) record {
	e := r.e[i]
	rec := record{Key: r.key(), Kind: kindOf(e), Size: e.Size}
	if e.Proven {
		rec.Sum, rec.HasSum = e.Sum, true
	}
	return rec
}

// keep notes that both sides have the same.
func (p *planner) keep(r *row) error {
	rec := r.recordOf(0)
	if r.e[1].Proven {
		rec.Sum, rec.HasSum = r.e[1].Sum, true
	}
	if !rec.HasSum && r.last != nil && r.kept(0) && r.kept(1) {
		rec.Sum, rec.HasSum = r.last.Sum, r.last.HasSum
	}
	for i := range r.e {
		rec.Marks[i] = r.markNow(i)
		p.count(r.rel, i)
	}
	if !r.folder {
		p.sum.Same.Add(r.e[0].Size)
		if rec.HasSum && r.e[0].Proven && r.e[1].Proven {
			p.sum.Proven.Add(r.e[0].Size)
		}
	}
	return p.found.add(&finding{record: rec, Keep: true, Old: r.last})
}

// stand leaves the name as it is on both sides and in the state.
func (p *planner) stand(r *row) error {
	for i := range r.e {
		if r.e[i] != nil {
			p.count(r.rel, i)
		}
	}
	if r.last == nil {
		return nil
	}
	return p.found.add(&finding{record: *r.last, Keep: true, Old: r.last})
}

// copyTo has side `to` get the file that the other side has. What it has itself is replaced.
func (p *planner) copyTo(ctx context.Context, r *row, to int, note string) (slot, error) {
	from := 1 - to
	s := p.slot()
	rec := r.recordOf(from)
	rec.Marks[from] = markOf(r.e[from])
	f := finding{record: rec, Make: s, Old: r.last}
	f.From[to] = s
	p.count(r.rel, to)
	p.count(r.rel, from)
	p.touch(r.rel, to)
	if err := p.found.add(&f); err != nil {
		return 0, err
	}
	if err := p.ensure(r.rel, to); err != nil {
		return 0, err
	}
	if r.e[to] == nil {
		n := newcomer{row: *r, to: to, slot: s, late: p.isFolderAt(r.rel, to), note: note}
		o := opened{rel: r.rel, side: to, comes: true, at: len(p.news)}
		if p.mode == steps.Bidirectional && p.sides[from].local && !p.sides[to].local {
			// A volume may have a folder of that name, which is met later; here it could not be.
			o.now = &n
			p.open = append(p.open, o)
			return s, nil
		}
		if n.late || p.mayBeRenamed(to) {
			p.news, p.open = append(p.news, n), append(p.open, o)
			return s, nil
		}
	}
	return s, p.addCopy(ctx, r, to, s, 0, note)
}

// addCopy adds the step for copyTo.
func (p *planner) addCopy(ctx context.Context, r *row, to int, s, after slot, note string) error {
	step := p.copyStep(r.e[1-to], to, p.nameOn(r, to))
	if old := r.e[to]; old != nil {
		step.Over, step.OverSize = old.Version, old.Size
		if old.TimeKnown {
			step.OverTime = old.ModTime.UnixNano()
		}
		p.sum.Replaces.Add(old.Size)
	} else {
		step.Absent = true
	}
	step.Note = note
	p.warnLinks(r.e[1-to], 1-to)
	p.need[to] += step.Size - step.OverSize
	p.near(ctx, r.e[1-to], to, &step)
	p.countCopy(&step)
	return p.add(s, after, step)
}

// fileID is a local file, whatever its names.
type fileID struct{ dev, inode uint64 }

// warnLinks tells of names of one file: each becomes a file of its own.
func (p *planner) warnLinks(e *stores.Entry, i int) {
	if e.Links < 2 || e.Kind != stores.File {
		return
	}
	id := fileID{e.Dev, e.Inode}
	if p.linked[id] {
		p.sum.Warn("hard-links", "names of one file (hard links) become files of their own there", p.sides[i].store.URI(e.Name).String())
		return
	}
	if p.linked == nil {
		p.linked = map[fileID]bool{}
	}
	p.linked[id] = true
}

// nameOn is what a row is called in the store of a side.
func (p *planner) nameOn(r *row, i int) string {
	if r.e[i] != nil {
		return r.e[i].Name
	}
	return p.sides[i].name(r.rel)
}

// copyStep is the step that copies e to side `to` under a name.
func (p *planner) copyStep(e *stores.Entry, to int, name string) steps.Step {
	step := steps.Step{
		Op: steps.OpCopy, From: p.refOf(1-to, e.Name), To: p.refOf(to, name), Kind: e.Kind, Size: e.Size,
		Link: e.Link, Version: e.Version, Method: p.method(1-to, to),
	}
	if e.TimeKnown {
		step.ModTime = e.ModTime.UnixNano()
	}
	if e.HasMode {
		step.Mode = e.Mode
	}
	if e.Proven {
		step.Sum = e.Sum.String()
	}
	return step
}

// method is how bytes get from one side to another, or to the same.
func (p *planner) method(from, to int) steps.Method {
	a, b := &p.sides[from], &p.sides[to]
	switch {
	case a.local && b.local:
		return steps.Clone
	case a.local:
		return steps.Upload
	case b.local:
		return steps.Download
	case a.store.Key() == b.store.Key():
		return steps.ServerCopy
	}
	return steps.Stream
}

// near lets a copy begin from what the store of its target has already.
func (p *planner) near(ctx context.Context, e *stores.Entry, to int, step *steps.Step) {
	if !e.Proven || e.Size < twinBelow || p.sides[to].local || step.Method == steps.ServerCopy {
		return
	}
	twin, ok := p.env.Set.Twin(ctx, p.sides[to].store, e.Sum, e.Size)
	if ok && twin.Name != step.To.Name {
		ref := p.refOf(to, twin.Name)
		step.Near, step.NearVersion, step.Method = &ref, twin.Version, steps.ServerCopy
	}
}

// countCopy counts what a copy costs.
func (p *planner) countCopy(step *steps.Step) {
	p.sum.Method(step.Method, step.Size)
	switch step.Method {
	case steps.ServerCopy:
		p.sum.Saved += step.Size
		p.sum.Request("COPY", 1)
	case steps.Upload:
		p.sum.Through += step.Size
		p.sum.Request("PUT", 1+step.Size>>24)
	case steps.Download:
		p.sum.Through += step.Size
		p.sum.Egress += step.Size
		p.sum.Request("GET", 1+step.Size>>23)
	case steps.Stream:
		p.sum.Through += step.Size
		p.sum.Egress += step.Size
		p.sum.Request("GET", 1+step.Size>>23)
		p.sum.Request("PUT", 1+step.Size>>24)
	}
}

// remove has side i lose what it has, at the end.
func (p *planner) remove(r *row, i int, note string) error {
	e := r.e[i]
	p.touch(r.rel, i)
	d := removal{rel: r.rel, name: e.Name, folder: r.folder, slot: p.slot(), size: e.Size, kind: e.Kind, ver: e.Version,
		note: note, was: r.last, kept: r.kept(i), sum: e.Sum, hasSum: e.Proven}
	if e.TimeKnown {
		d.mtime = e.ModTime.UnixNano()
	}
	if !d.hasSum && d.kept {
		d.sum, d.hasSum = r.last.Sum, r.last.HasSum
	}
	f := finding{record: record{Key: r.key()}, Gone: d.slot, Old: r.last}
	if r.folder { // unless something is to be put into it after all
		f.record = r.recordOf(i)
		f.Make = p.slot()
		p.top().made[1-i] = f.Make
	}
	if !r.folder {
		p.open = append(p.open, opened{rel: r.rel, side: i, at: len(p.dels[i])})
	}
	p.dels[i] = append(p.dels[i], d)
	if r.folder && e.Bare { // it goes with what is in it
		p.dels[i] = p.dels[i][:len(p.dels[i])-1]
		p.steps[d.slot] = always
	}
	return p.found.add(&f)
}

// removeFile adds the step that removes a file, after the one in another slot if that is not 0.
func (p *planner) removeFile(d *removal, i int, after slot) error {
	return p.removeFor(d, i, after, nil)
}

// counts has a removal count on a file of side i: it is not done if that has changed or gone
// by then.
func (p *planner) counts(step *steps.Step, i int, on *stores.Entry) {
	if on != nil {
		ref := p.refOf(i, on.Name)
		step.Near, step.NearVersion = &ref, on.Version
	}
}

// removeFor is removeFile that counts on a file which stays on the other side; nil: on none.
func (p *planner) removeFor(d *removal, i int, after slot, stays *stores.Entry) error {
	step := steps.Step{
		Op: steps.OpTrash, From: p.refOf(i, d.name), Kind: d.kind, Size: d.size, ModTime: d.mtime, Version: d.ver, Note: d.note,
	}
	p.sum.Deletes.Add(d.size)
	if p.spec.Options.Permanent {
		step.Op = steps.OpRemove
	} else {
		p.sum.Trash.Add(d.size)
	}
	if !p.sides[i].local {
		p.sum.Request("DELETE", 1)
	}
	p.counts(&step, 1-i, stays)
	return p.add(d.slot, after, step)
}
