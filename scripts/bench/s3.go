//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/netproxy"
)

// The columns of the tables of S3.
const (
	noMount     = "no mount"
	sdWriteBack = "sd --write-back" // is shown in the column of sd
)

var peers = []string{"rclone", "rclone tuned", "s3fs", "s3fs tuned"}

// workload is one kind of work on a site, for which everybody mounts anew.
type workload struct {
	name    string // for -only s3/NAME
	bucket  string
	also    []string // contenders beside the peers and sd
	rows    []*row
	prepare func(ctx context.Context, s *site) error // before each mount; may be nil
	measure func(ctx context.Context, s *site, c contender, m *mounted) error
}

// workloads are the names for -only.
var workloads = []string{"read", "random", "list", "ls", "readers", "queue", "find", "write", "small", "append", "rename", "tar", "clone"}

// s3 measures buckets at a distance, against the peers that also show them as files.
func (b *bench) s3(ctx context.Context) ([]*grid, error) {
	d := newDistance(b)
	defer d.close()
	columns := append(slices.Clone(peers), "sd")
	goals := &grid{
		title: fmt.Sprintf("S3 at %v round trip", roundTrip),
		about: fmt.Sprintf("A delay proxy (%d MiB under way per connection and direction) stands before versitygw and gofakes3. "+
			"Server, proxy, mount and program share the machine. Everybody begins each piece of work with a fresh mount and no cache; the servers "+
			"have their objects in the page cache. %q is what sd's S3 driver gets by %d requests at a time: about what proxy and server can do. "+
			"\"Until durable\": until the objects are whole at the server, which is looked at directly, and the bytes are compared there afterwards; "+
			"for sd without --write-back and for s3fs that is when close returns.",
			netproxy.DefaultWindow>>20, noMount, parallelRequests),
		columns: append([]string{noMount}, columns...),
	}
	more := &grid{
		title:   fmt.Sprintf("S3 at %v round trip: further figures", roundTrip),
		about:   "Of the same runs and, from append on, of work for which there is no goal yet. \"KiB sent\" is what leaves the mount, all headers included.",
		columns: columns,
	}
	limit := figure(b.limit().Seconds())
	goals.note("`*` the time (%s s, for large writes %.0f s) was over first: the rate until then; `>` the same for a time. Such a peer is measured once", limit, 3*b.limit().Seconds())

	all := []workload{
		d.readLarge(goals, more), d.readRandom(goals), d.listLarge(goals), d.runLs(more), d.readSmall(goals), d.readQueue(goals),
		d.find(goals), d.writeLarge(goals, more), d.writeSmall(goals, more),
		d.appendBytes(more), d.renameFolder(more), d.unpack(more), d.clone(more),
	}
	for _, w := range all {
		if !b.wants("s3", w.name) {
			continue
		}
		if err := d.contest(ctx, w, []*grid{goals, more}); err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
	}
	grids := slices.DeleteFunc([]*grid{goals, more}, func(g *grid) bool { return !g.trim() })
	return grids, nil
}

// contest lets everybody do the work once a round, each round beginning with another
// one. Who fails, or needs longer than there is time, does it no more; the table says
// so. Sd's failure makes the whole run fail at its end.
func (d *distance) contest(ctx context.Context, w workload, grids []*grid) error {
	s, err := d.site(ctx, w.bucket)
	if err != nil {
		return err
	}
	all := d.contenders(s, w.also)
	out := map[string]bool{}
	for round := range d.rounds {
		for i := range all {
			c := all[(round+i)%len(all)]
			if out[c.name] || !d.invited(c.name) {
				continue
			}
			if c.missing != "" {
				out[c.name] = true
				for _, g := range grids {
					g.absent(c.name, "missing", c.missing)
				}
				continue
			}
			progress("%s, round %d of %d: %s", w.name, round+1, d.rounds, c.name)
			if w.prepare != nil {
				if err := w.prepare(ctx, s); err != nil {
					return err
				}
			}
			err := once(ctx, c, func(c contender, m *mounted) error { return w.measure(ctx, s, c, m) })
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				out[c.name] = true
				d.fail(w, c, err, grids)
				if !c.peer {
					d.failures = append(d.failures, fmt.Errorf("%s: %s: %w", w.name, c.name, err))
				}
			}
			out[c.name] = out[c.name] || w.cut(c.name)
		}
	}
	return nil
}

// cut tells whether some of the work did not end in time.
func (w workload) cut(column string) bool {
	return slices.ContainsFunc(w.rows, func(r *row) bool { return r.cut[column] || strings.HasPrefix(r.texts[column], ">") })
}

// fail says in the table that there will be no figures.
func (d *distance) fail(w workload, c contender, err error, grids []*grid) {
	progress("%s: %s failed: %v", w.name, c.name, err)
	column := c.column()
	g := grids[0]
	if !slices.Contains(g.rows, w.rows[0]) {
		g = grids[1]
	}
	g.note("%s, %s: failed (%s)", c.name, w.name, shorten(strings.ReplaceAll(err.Error(), d.work.dir+"/", "")))
	for _, r := range w.rows {
		if len(r.samples[column]) == 0 && r.texts[column] == "" && (c.name != sdWriteBack || r == w.rows[0]) {
			r.text(column, "failed")
		}
	}
}

// shorten makes one line of a message, of bearable length.
func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 160 {
		text = strings.ToValidUTF8(text[:160], "") + " …"
	}
	return text
}

// column is where a contender's figures are shown.
func (c contender) column() string {
	if c.name == sdWriteBack {
		return "sd"
	}
	return c.name
}

// contenders all show the bucket of a site.
func (d *distance) contenders(s *site, also []string) []contender {

	all := []contender{
		d.rclone("rclone", s.bucket, s.url), d.rclone("rclone tuned", s.bucket, s.url, tunedRclone...),
		d.s3fs("s3fs", s.bucket, s.url, ""), d.s3fs("s3fs tuned", s.bucket, s.url, tunedS3fs),
		d.mountSD("sd", s.bucket),
	}
	for _, name := range also {
		switch name {
		case noMount:
			c := bare(noMount, "")
			c.peer = true
			all = append(all, c)
		case sdWriteBack:
			all = append(all, d.mountSD(name, s.bucket, "--write-back"))
		}
	}
	return all
}

func (d *distance) mountSD(name, bucket string, flags ...string) contender {
	return contender{name: name, mount: func(ctx context.Context) (*mounted, error) {
		m, err := d.sd.mount(ctx, flags...)
		if err == nil {
			m.dir = filepath.Join(m.dir, "s3", bucket)
		}
		return m, err
	}}
}

// rest lets a fresh mount come to rest: what it asks of its own accord right after it
// was made is not to be counted with what follows.
func rest(ctx context.Context, s *site) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(10 * roundTrip):
	}
	s.forget()
	return nil
}

// settleDisk waits until what was written before is on the disk.
func settleDisk() { unix.Sync() }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
