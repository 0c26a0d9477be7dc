package plan

import (
	"context"
	"slices"
	"sync"
	"time"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
)

const (
	queueLen  = 1024
	nearSize  = 64 << 10 // bytes; below that a copy from elsewhere is no cheaper than the file itself
	sumSize   = 64 << 20 // bytes; up to that a local file is read sooner than its object is asked for
	sumReader = 4        // files that are read at a time
)

// job is a file, or a folder to make, on its way into the plan.
type job struct {
	mkdir bool
	from  stores.Store
	entry stores.Entry
	to    string        // whole name at the target
	there *stores.Entry // what is there; nil: nothing

	window  timeWindow      // how exactly times are kept where it comes from
	verdict compare.Verdict // of entry and there
	summed  bool            // the verdict is by a checksum, and final
	why     string          // what could not be compared
}

// add queues a job; the queue keeps the order.
func (c *copier) add(ctx context.Context, j job) error {
	j.window = c.window
	c.queue = append(c.queue, j)
	if len(c.queue) < queueLen {
		return nil
	}
	return c.flush(ctx)
}

// flush finds out what is needed about the files in the queue, in few questions for all of
// them, and plans them.
func (c *copier) flush(ctx context.Context) error {
	if len(c.queue) == 0 {
		return nil
	}
	if err := c.know(ctx); err != nil {
		return err
	}
	for i := range c.queue {
		if err := c.place(ctx, &c.queue[i]); err != nil {
			return err
		}
	}
	clear(c.queue)
	c.queue = c.queue[:0]
	return nil
}

// know judges the pairs of the queue, and fills in proven identities where they save bytes.
func (c *copier) know(ctx context.Context) error {
	var pairs, near []int
	for i := range c.queue {
		switch j := &c.queue[i]; {
		case j.mkdir:
		case j.there != nil:
			if j.verdict = compare.Judge(&j.entry, j.there, c.windowOf(j)); c.undecided(j) {
				pairs = append(pairs, i)
			}
		case j.entry.Kind == stores.File && j.entry.Size >= nearSize && !sameStore(j.from, c.to.st) && !j.entry.Proven:
			near = append(near, i)
		}
	}
	if err := c.ask(ctx, append(near, pairs...), pairs, false); err != nil {
		return err
	}
	pairs = c.judge(pairs)
	if err := c.readSums(ctx, pairs, sumSize); err != nil {
		return err
	}
	pairs = slices.DeleteFunc(pairs, func(i int) bool { return !c.open(&c.queue[i]) })
	if err := c.ask(ctx, pairs, pairs, true); err != nil {
		return err
	}
	return c.readSums(ctx, c.judge(pairs), -1)
}

// open tells whether what is done with a pair depends on what only the services know.
func (c *copier) open(j *job) bool {
	if j.verdict == compare.Unknown {
		return true
	}
	return j.verdict == compare.Different && c.spec.Options.Overwrite == steps.Newer && !(j.entry.TimeKnown && j.there.TimeKnown)
}

// undecided tells whether more should be known of a pair than its entries tell.
func (c *copier) undecided(j *job) bool {
	switch {
	case j.verdict == compare.Same:
		return !j.proven()
	case c.open(j):
		return true
	}
	// Times differ where sizes do not: the bytes may be the same for all that.
	return j.entry.Kind == stores.File && j.entry.Kind == j.there.Kind && j.entry.Size == j.there.Size && !j.summed
}

// proven tells whether the two of a pair are known to hold the same bytes.
func (j *job) proven() bool {
	return j.verdict == compare.Same && (j.summed || compare.IsProven(&j.entry, j.there) ||
		j.entry.Kind == stores.File && j.entry.Size == 0 || j.entry.Kind == stores.Symlink ||
		j.entry.Inode != 0 && j.entry.Inode == j.there.Inode && j.entry.Dev == j.there.Dev)
}

// ask has the library say what it knows of the sources and of what is there, and with services the
// services.
func (c *copier) ask(ctx context.Context, sources, targets []int, services bool) error {
	byStore := map[stores.Store][]*stores.Entry{}
	for _, i := range sources {
		j := &c.queue[i]
		byStore[j.from] = append(byStore[j.from], &j.entry)
	}
	for _, i := range targets {
		byStore[c.to.st] = append(byStore[c.to.st], c.queue[i].there)
	}
	for st, entries := range byStore {
		if _, content := st.(*stores.Content); content {
			continue
		}
		list := make([]stores.Entry, len(entries))
		for i, e := range entries {
			list[i] = *e
		}
		if err := c.env.Set.Know(ctx, st, list, services); err != nil {
			return err
		}
		for i, e := range entries {
			*e = list[i]
		}
	}
	return nil
}

// judge compares pairs again, and returns those that are still undecided.
func (c *copier) judge(pairs []int) []int {
	var rest []int
	for _, i := range pairs {
		j := &c.queue[i]
		if !j.summed {
			j.verdict = compare.Judge(&j.entry, j.there, c.windowOf(j))
		}
		if c.open(j) {
			rest = append(rest, i)
		}
	}
	return rest
}

// readSums decides pairs of a local file and an object by the provider's checksum, of files of up
// to max bytes (< 0: any).
func (c *copier) readSums(ctx context.Context, pairs []int, max int64) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	room := make(chan struct{}, sumReader)
	for _, i := range pairs {
		j := &c.queue[i]
		local, object := &j.entry, j.there
		if c.to.local != nil {
			local, object = object, local
		}
		if isLocalStore(j.from) == (c.to.local != nil) || !compare.Summable(object) || max >= 0 && j.entry.Size > max || j.verdict != compare.Unknown {
			continue
		}
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		wg.Go(func() {
			defer func() { <-room }()
			v, err := compare.BySums(ctx, local, object)
			if err != nil {
				j.why = "it cannot be compared: " + reason(err)
				return
			}
			j.verdict, j.summed = v, v != compare.Unknown
		})
	}
	return nil
}

// windowOf tells how far times may be apart that mean the same.
func (c *copier) windowOf(j *job) timeWindow {
	return max(c.to.window, j.window)
}

type timeWindow = time.Duration
