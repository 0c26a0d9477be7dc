package main

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"

	"golang.org/x/sync/errgroup"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/guardian"
)

// protection turns the copies that guardian plans into steps that make them.
type protection struct {
	*planStores
	w       *steps.Writer
	sum     steps.Summary
	waiting []protected
	folders map[string]bool // that are there, or planned, of the local file systems
}

// protected is a copy that is to be made, and what is there.
type protected struct {
	from   stores.Store
	entry  stores.Entry
	to     stores.Store
	name   string
	there  stores.Entry // zero: nothing
	exists bool
}

func newProtection(p *places, set *stores.Set, w *steps.Writer) *protection {
	return &protection{planStores: newPlanStores(p, set), w: w, folders: map[string]bool{}}
}

// targetsAtOnce is how many names of targets are asked for at the same time.
const targetsAtOnce = 16

// add plans one copy; flush ends the plan.
func (c *protection) add(ctx context.Context, s *guardian.Step) error {
	from, e, err := c.find(ctx, &s.From, s.Content.BLAKE3)
	if errors.Is(err, errNotIdentified) {
		c.sum.Warn("changed", "files have changed while the plan was made, and are left out", c.places.placeURI(s.From.Place, s.From.Path))
		return nil
	}
	if err != nil {
		return err
	}
	to, name, err := c.set.Of(ctx, s.To)
	if err != nil {
		return err
	}
	c.waiting = append(c.waiting, protected{from: from, entry: e, to: to, name: name})
	if len(c.waiting) < 4*targetsAtOnce {
		return nil
	}
	return c.flush(ctx)
}

// flush looks what is where the copies that wait are to go, and adds their steps.
func (c *protection) flush(ctx context.Context) error {
	var all errgroup.Group
	all.SetLimit(targetsAtOnce)
	for i := range c.waiting {
		p := &c.waiting[i]
		all.Go(func() (err error) {
			p.there, err = p.to.Stat(ctx, p.name)
			p.exists = err == nil
			if errors.Is(err, iofs.ErrNotExist) {
				err = nil
			}
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	for i := range c.waiting {
		if err := c.step(ctx, &c.waiting[i]); err != nil {
			return err
		}
	}
	c.waiting = c.waiting[:0]
	return nil
}

// step adds the steps of one copy.
func (c *protection) step(ctx context.Context, p *protected) error {
	if volumeOf(p.to) != nil {
		c.request("HEAD", 1)
	}
	if p.exists {
		known := []stores.Entry{p.there}
		if err := c.set.Know(ctx, p.to, known, false); err != nil {
			return err
		}
		if compare.Judge(&p.entry, &known[0], compare.Window()) == compare.Same {
			c.sum.Same.Add(p.entry.Size)
			return nil
		}
		c.sum.Conflict(steps.Conflict{From: p.from.URI(p.entry.Name).String(), To: p.to.URI(p.name).String(), Why: "another file is there"})
		return nil
	}
	if volumeOf(p.to) == nil {
		dir, _ := p.to.Split(p.name)
		if err := c.folder(ctx, p.to, dir); err != nil {
			return err
		}
	}
	s := c.from(steps.OpCopy, p.from, &p.entry)
	s.To, s.Absent, s.Method = c.ref(p.to, p.name), true, methodOf(p.from, p.to)
	c.sum.Method(s.Method, p.entry.Size)
	if s.Method != steps.LocalCopy && s.Method != steps.ServerCopy {
		c.sum.Through += p.entry.Size
	}
	if volumeOf(p.from) != nil && s.Method != steps.ServerCopy {
		c.request("GET", 1)
		c.sum.Egress += p.entry.Size
	}
	switch {
	case s.Method == steps.ServerCopy:
		c.request("COPY", 1)
	case volumeOf(p.to) != nil:
		c.request("PUT", 1)
	}
	c.sum.Seconds += localSeconds + 2*float64(p.entry.Size)/copyRate // with what is read back
	_, err := c.w.Add(s)
	return err
}

// copyRate is how fast copies are made and read, about, in bytes a second.
const copyRate = 100 << 20

// request counts requests to services.
func (c *protection) request(verb string, n int64) {
	c.sum.Request(verb, n)
	c.sum.Seconds += float64(n) * requestSeconds
}

// folder plans a local folder that is missing, with those above it.
func (c *protection) folder(ctx context.Context, st stores.Store, dir string) error {
	if c.folders[dir] {
		return nil
	}
	e, err := st.Stat(ctx, dir)
	switch {
	case err == nil && e.Kind == stores.File:
		return fmt.Errorf("%s: a file is where a folder is to be", st.URI(dir))
	case err == nil:
		c.folders[dir] = true
		return nil
	case !errors.Is(err, iofs.ErrNotExist):
		return err
	}
	above, _ := st.Split(dir)
	if err := c.folder(ctx, st, above); err != nil {
		return err
	}
	c.folders[dir] = true
	c.sum.Folders++
	_, err = c.w.Add(steps.Step{Op: steps.OpMkdir, To: c.ref(st, dir)})
	return err
}

// methodOf is the way that bytes take between two stores.
func methodOf(from, to stores.Store) steps.Method {
	switch here, there := volumeOf(from) == nil, volumeOf(to) == nil; {
	case here && there:
		return steps.LocalCopy
	case here:
		return steps.Upload
	case there:
		return steps.Download
	case from.Key() == to.Key():
		return steps.ServerCopy
	}
	return steps.Stream
}

// space says how much goes to each target, and how much room is there.
func (c *protection) space(targets []guardian.TargetTotals) {
	for _, t := range targets {
		if t.Files == 0 {
			continue
		}
		free := t.Free
		if free >= 0 {
			free += t.Bytes // the plan has taken it
		}
		c.sum.Space = append(c.sum.Space, steps.Space{URI: t.URI.String(), Need: t.Bytes, Free: free})
	}
}
