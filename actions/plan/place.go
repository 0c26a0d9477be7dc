package plan

import (
	"context"
	"fmt"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// place decides about a job and writes its steps.
func (c *copier) place(ctx context.Context, j *job) error {
	if j.mkdir {
		return c.addMkdir(c.to.st, j.to, &j.entry)
	}
	if !c.named(j.from, &j.entry, j.to) || !c.readable(j.from, &j.entry) {
		return nil
	}
	if !c.names.take(j.to, file) {
		c.conflict(uri(j.from, j.entry.Name), uri(c.to.st, j.to), c.names.why())
		return nil
	}
	if j.there == nil {
		return c.bring(ctx, j, "")
	}
	if j.there.Kind == stores.Dir {
		c.conflict(uri(j.from, j.entry.Name), uri(c.to.st, j.to), "a folder is where the file is to go")
		return nil
	}
	if j.there.Kind == stores.Special {
		c.conflict(uri(j.from, j.entry.Name), uri(c.to.st, j.to), "a pipe, socket or device is there")
		return nil
	}
	rule := c.spec.Options.Overwrite
	if j.verdict == compare.Same && (j.proven() || rule != steps.Always && !c.moving()) {
		return c.skip(j)
	}
	return c.overwrite(ctx, j, rule)
}

// overwrite plans a file whose place is taken by one that is not known to hold the same.
func (c *copier) overwrite(ctx context.Context, j *job, rule steps.Overwrite) error {
	switch rule {
	case steps.Always:
		return c.bring(ctx, j, "")
	case steps.Changed:
		return c.bring(ctx, j, "differs")
	case steps.Newer:
		if j.entry.ModTime.After(j.there.ModTime) && j.entry.ModTime.Sub(j.there.ModTime) > c.windowOf(j) {
			return c.bring(ctx, j, "newer")
		}
		c.keep("not-newer", "files stay as they are because those that were to replace them are not newer", j)
	case steps.Never:
		c.keep("kept", "files that are there stay as they are (--overwrite never)", j)
	default:
		c.conflict(uri(j.from, j.entry.Name), uri(c.to.st, j.to), c.why(j))
	}
	return nil
}

// why says in which way a file that is there differs.
func (c *copier) why(j *job) string {
	x, y := &j.entry, j.there
	switch {
	case j.why != "":
		return "a file is there, and " + j.why
	case x.Kind != y.Kind:
		return "a file of another kind is there"
	case x.Kind == stores.Symlink:
		return "a link to something else is there"
	case x.Size != y.Size:
		return fmt.Sprintf("a file is there that is %s", larger(y.Size, x.Size))
	case j.verdict == compare.Same:
		return "a file of the same size and time is there, but it is not proven to be the same, so the source may not go"
	case j.verdict == compare.Unknown:
		return "a file of the same size is there, and nobody knows whether it is the same"
	case j.summed || x.Proven && y.Proven:
		return "a file of the same size is there with other bytes"
	case x.ModTime.After(y.ModTime):
		return "an older file is there"
	}
	return "a newer file is there"
}

func larger(a, b int64) string {
	if a > b {
		return fmt.Sprintf("%d bytes larger", a-b)
	}
	return fmt.Sprintf("%d bytes smaller", b-a)
}

func (c *copier) keep(code, text string, j *job) {
	c.sum.Warn(code, text, uri(c.to.st, j.to))
}

// skip leaves alone what is there already. A move removes its source, since the bytes are
// proven to be there.
func (c *copier) skip(j *job) error {
	c.sum.Same.Add(j.entry.Size)
	if j.proven() {
		c.sum.Proven.Add(j.entry.Size)
	}
	c.links.note(j.from, &j.entry, 0, j.to)
	if !c.moving() {
		return nil
	}
	return c.addRemoval(j, 0, "there already")
}

// bring plans the cheapest way of a file to its place.
func (c *copier) bring(ctx context.Context, j *job, note string) error {
	if !c.writes(j) {
		return nil
	}
	s := c.step(steps.OpCopy, j)
	s.Note = note
	x := &j.entry
	if j.there != nil {
		c.sum.Replaces.Add(j.there.Size)
	}
	if first, ok := c.links.find(x, c.to); ok && j.there == nil {
		return c.link(j, &s, first)
	}
	if c.moving() && c.renames(j.from, x) {
		s.Op, s.Method = steps.OpRename, steps.Rename
		c.count(j, &s)
		_, err := c.w.Add(s)
		return err
	}
	if x.Proven && x.Size >= nearSize && x.Kind == stores.File && !sameStore(j.from, c.to.st) {
		if twin, ok := c.env.Set.Twin(ctx, c.to.st, x.Sum, x.Size); ok && twin.Name != j.to {
			near := c.ref(c.to.st, twin.Name)
			s.Near, s.NearVersion = &near, twin.Version
		}
	}
	s.Method = c.method(j, s.Near != nil)
	c.count(j, &s)
	c.warn(j)
	n, err := c.w.Add(s)
	if err != nil {
		return err
	}
	c.links.note(j.from, x, n, j.to)
	if c.moving() {
		return c.addRemoval(j, n, "")
	}
	return nil
}

// link plans a hard link to a file of the same inode that is, or will be, at the target.
func (c *copier) link(j *job, s *steps.Step, first made) error {
	s.Op, s.Method, s.After = steps.OpLink, steps.Clone, first.step
	s.From = c.ref(c.to.st, first.name)
	s.Version = ""
	c.sum.Method(steps.Clone, 0)
	c.local(1, 0)
	n, err := c.w.Add(*s)
	if err != nil || !c.moving() {
		return err
	}
	return c.addRemoval(j, n, "")
}

// addRemoval plans that the source of a move goes, after the step that brought it (0: now).
func (c *copier) addRemoval(j *job, after int64, note string) error {
	s := steps.Step{
		Op: steps.OpRemove, From: c.ref(j.from, j.entry.Name), Kind: j.entry.Kind, Size: j.entry.Size,
		Version: j.entry.Version, After: after, Note: note,
	}
	if after == 0 { // what is there by then must be what is there now
		stays := c.ref(c.to.st, j.there.Name)
		s.Near, s.NearVersion = &stays, j.there.Version
	}
	c.request(j.from, "DELETE", 1)
	if isLocalStore(j.from) {
		c.local(1, 0)
	}
	_, err := c.w.Add(s)
	return err
}

// step begins the step for a job.
func (c *copier) step(op steps.Op, j *job) steps.Step {
	x := &j.entry
	s := steps.Step{
		Op: op, From: c.ref(j.from, x.Name), To: c.ref(c.to.st, j.to),
		Kind: x.Kind, Size: x.Size, Link: x.Link, Version: x.Version,
	}
	if x.HasMode {
		s.Mode = x.Mode
	}
	if x.TimeKnown {
		s.ModTime = x.ModTime.UnixNano()
	}
	if x.Proven {
		s.Sum = x.Sum.String()
	}
	if y := j.there; y != nil {
		s.Over, s.OverSize, s.OverTime = y.Version, y.Size, y.ModTime.UnixNano()
	} else {
		s.Absent = true
	}
	return s
}

// renames tells whether a move of x to the target is a rename in one store.
func (c *copier) renames(st stores.Store, x *stores.Entry) bool {
	if !sameStore(st, c.to.st) {
		return false
	}
	switch st := st.(type) {
	case *stores.Local:
		return x.Dev == c.dev && mountOf(st, x.Name) == c.mount
	case *stores.Volume:
		_, ok := st.Backend().(backends.Renamer)
		return ok
	}
	return false
}
