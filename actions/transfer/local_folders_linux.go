package transfer

import (
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sd/actions/stores"
)

const (
	// folderTrust is how long an open folder is taken for the one of its name.
	folderTrust = time.Second
	// diskLinger is how long a file system that nothing is written to is kept from being
	// unmounted, for the sake of hearing of its writes that fail.
	diskLinger = 5 * time.Second
)

// folders keeps the folders open that files are just being written to, so that their paths are
// walked once, and a folder that somebody replaces by a link leads nowhere else. What is not
// used for a while closes by itself. The zero value is ready.
type folders struct {
	mu    sync.Mutex // guards what follows
	open  map[folderKey]*folder
	disks map[uint64]*disk // by device number
	timer *time.Timer      // runs while there is something to close
}

type folderKey struct{ path, root string }

// folder is an open folder. It is used between get and put.
type folder struct {
	fd      int
	key     folderKey
	disk    *disk
	acl     bool // new files inherit an access list
	refs    int
	opened  time.Time
	dropped bool // nobody finds it any more
}

// disk is what is known of a file system that is written to.
type disk struct {
	fd   int // any folder there, readable; -1 where none is
	dev  uint64
	refs int // folders
	used time.Time

	mu       sync.Mutex
	named    bool            // files must have a name from the beginning
	noClone  map[uint64]bool // devices from which no blocks can be shared
	noRanges map[uint64]bool // … and copy_file_range does not work
}

// get opens the folder at path, which must be there. Below root, "" is none, no link is followed.
func (f *folders) get(path, root string) (*folder, error) {
	key := folderKey{path, root}
	f.mu.Lock()
	if at := f.open[key]; at != nil && time.Since(at.opened) < folderTrust {
		at.refs++
		f.mu.Unlock()
		return at, nil
	}
	f.mu.Unlock()
	fd, err := openBelow(root, path)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, err
	}
	_, err = unix.Fgetxattr(fd, "system.posix_acl_default", nil)
	at := &folder{fd: fd, key: key, acl: err == nil, refs: 1, opened: time.Now()}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		f.open, f.disks = make(map[folderKey]*folder), make(map[uint64]*disk)
	}
	if old := f.open[key]; old != nil {
		f.drop(old)
	}
	f.open[key] = at
	at.disk = f.disk(uint64(st.Dev), fd)
	at.disk.refs++
	if f.timer == nil {
		f.timer = time.AfterFunc(folderTrust, f.sweep)
	}
	return at, nil
}

// disk needs mu. The descriptor that it keeps is another one, which only listings could be
// read from: it holds no more than the file system.
func (f *folders) disk(dev uint64, fd int) *disk {
	d := f.disks[dev]
	if d == nil {
		d = &disk{dev: dev, noClone: make(map[uint64]bool), noRanges: make(map[uint64]bool)}
		own, err := openAt(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			own = -1
		}
		d.fd = own
		f.disks[dev] = d
	}
	d.used = time.Now()
	return d
}

// put gives back what get gave.
func (f *folders) put(at *folder) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at.refs--
	at.disk.used = time.Now()
	if at.dropped {
		f.drop(at)
	}
}

// stale forgets a folder that is not there any more.
func (f *folders) stale(at *folder) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(at)
}

// drop needs mu. The folder closes when its last user has put it back.
func (f *folders) drop(at *folder) {
	at.dropped = true
	if f.open[at.key] == at {
		delete(f.open, at.key)
	}
	if at.refs == 0 && at.fd >= 0 {
		unix.Close(at.fd)
		at.fd = -1
		at.disk.refs--
	}
}

// sweep closes what is idle, and comes again while there is something left.
func (f *folders) sweep() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closeIdle(time.Now())
	if len(f.open) == 0 && len(f.disks) == 0 {
		f.timer = nil
		return
	}
	f.timer.Reset(folderTrust)
}

// closeIdle needs mu.
func (f *folders) closeIdle(now time.Time) {
	for _, at := range f.open {
		if at.refs == 0 && now.Sub(at.opened) >= folderTrust {
			f.drop(at)
		}
	}
	for dev, d := range f.disks {
		if d.refs == 0 && now.Sub(d.used) >= diskLinger {
			if d.fd >= 0 {
				unix.Close(d.fd)
			}
			delete(f.disks, dev)
		}
	}
}

// with calls fn with the folder of name, and once more if the folder was replaced meanwhile.
func (t *Transfers) with(task *Task, fn func(at *folder, base string) error) error {
	slash := strings.LastIndexByte(task.Name, '/')
	if slash < 0 {
		return stores.LocalError("write", task.Name, unix.EINVAL)
	}
	dir, base := task.Name[:max(slash, 1)], task.Name[slash+1:]
	for again := false; ; again = true {
		at, err := t.folders.get(dir, task.Root)
		if errors.Is(err, unix.ELOOP) {
			return &ChangedError{Side: Target, Name: task.Name, Was: dir, Err: stores.LocalError("open", dir, err)}
		}
		if err != nil {
			return stores.LocalError("open", dir, err)
		}
		err = fn(at, base)
		var gone *folderGone
		if errors.As(err, &gone) {
			t.folders.stale(at)
		}
		t.folders.put(at)
		if gone == nil || again {
			return err
		}
	}
}

// folderGone is an error that came about because the folder was removed after it was opened.
type folderGone struct{ error }

func (g *folderGone) Unwrap() error { return g.error }

// cannotName notes that files without a name cannot be made on d, or cannot be given one.
func (d *disk) cannotName() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.named = true
}

// mustName tells whether cannotName was called.
func (d *disk) mustName() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.named
}

// cannot notes in a set, noClone or noRanges, that something does not work with files of a device.
func (d *disk) cannot(set map[uint64]bool, dev uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	set[dev] = true
}

// can tells whether cannot was not called.
func (d *disk) can(set map[uint64]bool, dev uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !set[dev]
}
