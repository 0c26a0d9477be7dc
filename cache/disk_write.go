package cache

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

const (
	mostParts = 32          // incomplete files at a time
	idlePart  = time.Minute // an incomplete file that got nothing for so long gives way
)

// errNoRoom says that a file does not fit beside what may not be evicted.
var errNoRoom = errors.New("no room")

// offer is a whole block on its way to the disk, with one ownership of it.
type offer struct {
	id   ID
	size int64 // of the file
	b    *block
}

// part is an incomplete file. It is the writer's own.
type part struct {
	id      ID
	size    int64
	f       *os.File
	have    []bool // by block
	missing int
	bytes   int64 // counted in the index
	used    time.Time
}

// offer gives b, with one ownership, to the writer, or drops it. It never blocks.
func (d *disk) offer(f *File, b *block) {
	if b.key != blockKey(f, b.key.off/blockSize) || onDisk(f.Size) > d.max || d.resting() {
		b.release()
		return
	}
	if d.queued.Add(b.charge) <= d.room {
		select {
		case d.queue <- offer{f.ID, f.Size, b}:
			return
		default:
		}
	}
	d.queued.Add(-b.charge)
	d.dropped.Add(1)
	b.release()
}

// run is the writer.
func (d *disk) run() {
	d.scan()
	for {
		select {
		case o := <-d.queue:
			d.take(o)
			continue
		default:
		}
		select {
		case o := <-d.queue:
			d.take(o)
		case <-d.done:
			for {
				select {
				case o := <-d.queue:
					d.take(o)
					continue
				default:
				}
				break
			}
			for _, p := range d.parts {
				d.giveUp(p)
			}
			return
		}
	}
}

// take writes one block and lets go of it.
func (d *disk) take(o offer) {
	if !d.resting() {
		p, err := d.write(o)
		switch {
		case p == nil:
		case err == nil:
			d.wrote()
		default:
			d.giveUp(p)
		}
		if err != nil && err != errNoRoom && err != errEnded {
			d.pause(err)
		}
	}
	d.queued.Add(-o.b.charge)
	o.b.release()
}

// write puts a block into its incomplete file, and completes that with the last one.
func (d *disk) write(o offer) (*part, error) {
	d.mu.Lock()
	complete := d.index.files[o.id]
	d.mu.Unlock()
	if complete != nil {
		return nil, nil
	}
	p, err := d.part(o)
	if err != nil {
		return nil, err
	}
	n := o.b.key.off / blockSize
	if p.have[n] {
		return p, nil
	}
	if err := d.makeRoom(p, onDisk(o.b.key.n)); err != nil {
		return p, err
	}
	if _, err := p.f.WriteAt(o.b.data, o.b.key.off); err != nil {
		return p, err
	}
	p.have[n] = true
	p.missing--
	p.used = time.Now()
	if p.missing > 0 {
		return p, nil
	}
	return p, d.complete(p)
}

// part finds or begins the incomplete file of o.
func (d *disk) part(o offer) (*part, error) {
	if p := d.parts[o.id]; p != nil {
		return p, nil
	}
	free, err := d.free()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	tooLarge := onDisk(o.size) > free+d.index.bytes
	d.mu.Unlock()
	if tooLarge { // evicting others would be in vain
		return nil, errNoRoom
	}
	if len(d.parts) >= mostParts {
		d.giveUp(d.idlest(nil))
	}
	f, err := os.OpenFile(filepath.Join(d.dir, partName(o.id)), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	blocks := (o.size-1)/blockSize + 1
	p := &part{id: o.id, size: o.size, f: f, have: make([]bool, blocks), missing: int(blocks), used: time.Now()}
	d.parts[o.id] = p
	return p, nil
}

// idlest gives the incomplete file, other than p, that got nothing for the longest time.
func (d *disk) idlest(p *part) (idlest *part) {
	for _, q := range d.parts {
		if q != p && (idlest == nil || q.used.Before(idlest.used)) {
			idlest = q
		}
	}
	return idlest
}

// makeRoom takes n bytes of the cap for p: from incomplete files that seem forgotten,
// then from complete ones that were not used for the longest time, then from other
// incomplete ones.
func (d *disk) makeRoom(p *part, n int64) error {
	for {
		free, err := d.free()
		if err != nil {
			return err
		}
		if n <= free && !d.full(n) {
			d.count(p, n)
			return nil
		}
		idlest := d.idlest(p)
		forgotten := idlest != nil && time.Since(idlest.used) > idlePart
		switch {
		case !forgotten && d.evict():
		case idlest != nil:
			d.giveUp(idlest)
		default:
			return errNoRoom
		}
	}
}

// count notes that p is about to take n bytes more; with n < 0, that it has given them back.
func (d *disk) count(p *part, n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.index.bytes += n
	p.bytes += n
}

// complete makes a file of p.
func (d *disk) complete(p *part) error {
	sum, err := checksum(p.f, p.size, d.done)
	if err == nil {
		err = p.f.Close()
	}
	if err != nil {
		return err
	}
	e := d.newFile(p.id, p.size, sum, time.Now())
	e.trusted.Store(true)
	if err := os.Rename(filepath.Join(d.dir, partName(p.id)), filepath.Join(d.dir, e.name())); err != nil {
		return err
	}
	delete(d.parts, p.id)
	d.add(e, p.bytes)
	d.writes.Add(1)
	return nil
}

// giveUp removes an incomplete file.
func (d *disk) giveUp(p *part) {
	delete(d.parts, p.id)
	p.f.Close()
	os.Remove(filepath.Join(d.dir, partName(p.id)))
	d.count(p, -p.bytes)
}
