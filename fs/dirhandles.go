package fs

import (
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// maxIdleDirs bounds the directory streams that wait for their next READDIR.
const maxIdleDirs = 64

// dirHandles lets the kernel read directories without OPENDIR: a second listing
// of an unchanged directory then costs no request at all. READDIR comes without
// a handle and names its position; the stream that stopped there goes on, else a
// new one is opened and seeks.
type dirHandles struct {
	bridge  fuse.RawFileSystem
	enabled bool // set once, before the first request

	mu   sync.Mutex
	idle []idleDir // oldest first
}

// idleDir is a stream of go-fuse's that stands at off in a directory.
type idleDir struct {
	node, off, fh uint64
}

func (d *dirHandles) init(bridge fuse.RawFileSystem) { d.bridge = bridge }

type readDirFunc func(<-chan struct{}, *fuse.ReadIn, *fuse.DirEntryList) fuse.Status

func (d *dirHandles) read(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList, next readDirFunc) fuse.Status {
	if in.Fh != 0 {
		return next(cancel, in, out)
	}
	fh, ok := d.take(in.NodeId, in.Offset)
	if !ok {
		var opened fuse.OpenOut
		open := fuse.OpenIn{InHeader: in.InHeader}
		if st := d.bridge.OpenDir(cancel, &open, &opened); !st.Ok() {
			return st
		}
		fh = opened.Fh
	}
	before := out.Offset
	in.Fh = fh
	st := next(cancel, in, out)
	in.Fh = 0
	if st.Ok() && out.Offset != before {
		d.put(idleDir{in.NodeId, out.Offset, fh})
	} else {
		d.release(idleDir{in.NodeId, 0, fh})
	}
	return st
}

func (d *dirHandles) take(node, off uint64) (uint64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := len(d.idle) - 1; i >= 0; i-- {
		if e := d.idle[i]; e.node == node && e.off == off {
			d.idle = append(d.idle[:i], d.idle[i+1:]...)
			return e.fh, true
		}
	}
	return 0, false
}

func (d *dirHandles) put(e idleDir) {
	d.mu.Lock()
	d.idle = append(d.idle, e)
	var old idleDir
	if len(d.idle) > maxIdleDirs {
		old = d.idle[0]
		d.idle = append(d.idle[:0], d.idle[1:]...)
	}
	d.mu.Unlock()
	if old.fh != 0 {
		d.release(old)
	}
}

func (d *dirHandles) release(e idleDir) {
	d.bridge.ReleaseDir(&fuse.ReleaseIn{InHeader: fuse.InHeader{NodeId: e.node}, Fh: e.fh})
}

// forget closes the streams of a node that the kernel is about to drop: go-fuse
// wants no open handle on a forgotten node.
func (d *dirHandles) forget(node uint64) {
	d.mu.Lock()
	var gone []idleDir
	kept := d.idle[:0]
	for _, e := range d.idle {
		if e.node == node {
			gone = append(gone, e)
		} else {
			kept = append(kept, e)
		}
	}
	d.idle = kept
	d.mu.Unlock()
	for _, e := range gone {
		d.release(e)
	}
}

// closeAll closes every idle stream; the tree is no longer served.
func (d *dirHandles) closeAll() {
	d.mu.Lock()
	gone := d.idle
	d.idle = nil
	d.mu.Unlock()
	for _, e := range gone {
		d.release(e)
	}
}
