package fs_test

import (
	"errors"
	"os"
	"runtime/debug"
	"slices"

	"golang.org/x/sys/unix"
)

// The operations of fsx: each does one call and the same to the model.

func (x *fsx) open() {
	if len(x.handles) >= 8 {
		x.closeHandle(x.r.IntN(len(x.handles)))
	}
	name := x.name()
	h := &fsxHandle{read: x.r.IntN(4) > 0, write: x.r.IntN(4) > 0}
	h.read = h.read || !h.write
	h.append = h.write && x.r.IntN(5) == 0
	flags := h.mode()
	pick := func(flag, oneIn int) bool {
		if x.r.IntN(oneIn) == 0 {
			flags |= flag
			return true
		}
		return false
	}
	create := x.files[name] == nil || pick(unix.O_CREAT, 2)
	if create {
		flags |= unix.O_CREAT
	}
	exclusive := create && pick(unix.O_EXCL, 6)
	truncate := h.write && pick(unix.O_TRUNC, 6)
	x.note("open(%q, %#x)", name, flags)
	fd, err := unix.Open(x.path(name), flags|unix.O_CLOEXEC, 0o644)
	f := x.files[name]
	if f != nil && exclusive {
		if !errors.Is(err, unix.EEXIST) {
			x.fail("O_EXCL of a file that is there: %v, want EEXIST", err)
		}
		return
	}
	x.ok(err)
	if f == nil {
		f = &fsxFile{name: name, max: 300 << 10}
		if name[0] == 'l' {
			f.max = 20 << 20
		}
		h.wrote = true
		x.files[name] = f
	} else if truncate {
		h.wrote = true
		f.cut(0)
	}
	h.fd, h.file = fd, f
	x.handles = append(x.handles, h)
}

func (x *fsx) close() {
	if len(x.handles) > 0 {
		x.closeHandle(x.r.IntN(len(x.handles)))
	}
}

func (x *fsx) closeHandle(i int) {
	h := x.handles[i]
	x.handles = slices.Delete(x.handles, i, i+1)
	x.note("close(%q, fd %d)", h.file.name, h.fd)
	x.ok(unix.Close(h.fd))
	if h.wrote && !x.late {
		x.promised("close", h.file)
	}
}

func (x *fsx) pwrite() {
	h := x.handle(writable)
	if h == nil {
		return
	}
	off, n := x.span(h.file)
	if h.append {
		off, n = len(h.file.data), min(n, h.file.max-len(h.file.data))
	}
	p := x.bytes(n)
	x.note("pwrite(%q, fd %d, %d bytes of %02x, %d)", h.file.name, h.fd, n, x.serial, off)
	got, err := unix.Pwrite(h.fd, p, int64(off))
	x.ok(err)
	if got != n {
		x.fail("wrote %d bytes of %d", got, n)
	}
	h.file.put(p, off)
	h.wrote = true
}

func (x *fsx) pread() {
	h := x.handle(readable)
	if h == nil {
		return
	}
	off, n := x.span(h.file)
	x.note("pread(%q, fd %d, %d, %d)", h.file.name, h.fd, n, off)
	p := make([]byte, n)
	got, err := unix.Pread(h.fd, p, int64(off))
	x.ok(err)
	if want := min(n, max(0, len(h.file.data)-off)); got != want {
		x.fail("read %d bytes at %d of %d, want %d", got, off, len(h.file.data), want)
	}
	x.same("read", h.file, off, p[:got])
}

func (x *fsx) size(f *fsxFile) int {
	off, _ := x.span(f)
	return off
}

func (x *fsx) ftruncate() {
	h := x.handle(writable)
	if h == nil {
		return
	}
	size := x.size(h.file)
	x.note("ftruncate(%q, fd %d, %d) from %d", h.file.name, h.fd, size, len(h.file.data))
	x.ok(unix.Ftruncate(h.fd, int64(size)))
	h.file.cut(size)
	h.wrote = true
}

func (x *fsx) truncate() {
	f := x.files[x.name()]
	if f == nil {
		return
	}
	size := x.size(f)
	x.note("truncate(%q, %d) from %d", f.name, size, len(f.data))
	x.ok(unix.Truncate(x.path(f.name), int64(size)))
	f.cut(size)
}

// mapped reads and writes through a mapping, and syncs it.
func (x *fsx) mapped() {
	h := x.handle(func(h *fsxHandle) bool { return h.read && h.write && len(h.file.data) > 0 })
	if h == nil {
		return
	}
	f := h.file
	m, err := unix.Mmap(h.fd, 0, len(f.data), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	x.ok(err)
	defer unix.Munmap(m)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { // of a page that cannot be read
		if r := recover(); r != nil {
			var st unix.Stat_t
			p := make([]byte, 1)
			_, err := unix.Pread(h.fd, p, int64(len(f.data)-1))
			x.fail("the mapping of %q: %v; pread: %v; fstat: %v, %d bytes of %d", f.name, r, err, unix.Fstat(h.fd, &st), st.Size, len(f.data))
		}
	}()
	off, n := x.span(f)
	off = min(off, len(f.data)-1)
	n = min(n, len(f.data)-off)
	x.note("map(%q, fd %d): read and write %d bytes at %d", f.name, h.fd, n, off)
	x.same("mapping", f, off, m[off:off+n])
	p := x.bytes(n)
	copy(m[off:], p)
	f.put(p, off)
	h.wrote = true
	x.ok(unix.Msync(m, unix.MS_SYNC))
}

// punch makes a hole or zeros, or reserves space.
func (x *fsx) punch() {
	h := x.handle(writable)
	if h == nil {
		return
	}
	f := h.file
	off, n := x.span(f)
	mode := []uint32{unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_ZERO_RANGE, unix.FALLOC_FL_ZERO_RANGE | unix.FALLOC_FL_KEEP_SIZE, 0}[x.r.IntN(4)]
	x.note("fallocate(%q, fd %d, %#x, %d, %d) of %d", f.name, h.fd, mode, off, n, len(f.data))
	if err := unix.Fallocate(h.fd, mode, int64(off), int64(n)); mode&unix.FALLOC_FL_ZERO_RANGE != 0 && errors.Is(err, unix.EOPNOTSUPP) {
		return // not every file system can
	} else if err != nil {
		x.fail("%v", err)
	}
	if mode&unix.FALLOC_FL_KEEP_SIZE == 0 {
		f.grow(off + n)
	}
	if mode != 0 {
		clear(f.data[min(off, len(f.data)):min(off+n, len(f.data))])
	}
	h.wrote = true
}

func (x *fsx) rename() {
	from, to := x.name(), x.name()
	f := x.files[from]
	if f == nil || from == to || (from[0] == 'l') != (to[0] == 'l') {
		return
	}
	x.note("rename(%q, %q)", from, to)
	x.ok(os.Rename(x.path(from), x.path(to)))
	if old := x.files[to]; old != nil {
		old.name = ""
	}
	delete(x.files, from)
	f.name = to
	x.files[to] = f
}

func (x *fsx) unlink() {
	f := x.files[x.name()]
	if f == nil {
		return
	}
	x.note("unlink(%q)", f.name)
	x.ok(os.Remove(x.path(f.name)))
	delete(x.files, f.name)
	f.name = ""
}

func (x *fsx) fsync() {
	h := x.handle(func(*fsxHandle) bool { return true })
	if h == nil {
		return
	}
	x.note("fsync(%q, fd %d)", h.file.name, h.fd)
	x.ok(unix.Fsync(h.fd))
	x.promised("fsync", h.file)
}

func (x *fsx) stat() {
	var st unix.Stat_t
	var f *fsxFile
	if h := x.handle(func(*fsxHandle) bool { return true }); h != nil && x.r.IntN(2) == 0 {
		f = h.file
		x.ok(unix.Fstat(h.fd, &st))
	} else {
		name := x.name()
		err := unix.Lstat(x.path(name), &st)
		if f = x.files[name]; f == nil {
			if !errors.Is(err, unix.ENOENT) {
				x.fail("stat of %q: %v, want ENOENT", name, err)
			}
			return
		}
		x.ok(err)
	}
	if st.Size != int64(len(f.data)) {
		x.fail("%q has %d bytes, want %d", f.name, st.Size, len(f.data))
	}
}

// copyRange copies from one handle to another inside the kernel.
func (x *fsx) copyRange() {
	from, to := x.handle(readable), x.handle(func(h *fsxHandle) bool { return h.write && !h.append })
	if from == nil || to == nil || from.file == to.file {
		return
	}
	src, n := x.span(from.file)
	dst, _ := x.span(to.file)
	n = min(n, max(0, len(from.file.data)-src), to.file.max-dst)
	if n <= 0 {
		return
	}
	x.note("copy_file_range(%q, %d, %q, %d, %d)", from.file.name, src, to.file.name, dst, n)
	a, b := int64(src), int64(dst)
	got, err := unix.CopyFileRange(from.fd, &a, to.fd, &b, n, 0)
	x.ok(err)
	to.file.put(from.file.data[src:src+got], dst)
	to.wrote = true
}

// whole compares one file from start to end.
func (x *fsx) whole() {
	f := x.files[x.name()]
	if f == nil {
		return
	}
	x.note("read all of %q", f.name)
	got, err := os.ReadFile(x.path(f.name))
	x.ok(err)
	if len(got) != len(f.data) {
		x.fail("%q has %d bytes, want %d", f.name, len(got), len(f.data))
	}
	x.same("all", f, 0, got)
}
