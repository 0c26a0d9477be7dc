package resolver

import (
	"context"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"sd/library"
)

// The kinds of volume.
const (
	KindSystem   = "system"
	KindExternal = "external"
	KindNetwork  = "network"
	KindCloud    = "cloud"
)

// The media of volumes; "" is one that the system does not tell.
const (
	MediumSSD     = "ssd"
	MediumHDD     = "hdd"
	MediumNetwork = "network"
	MediumRAM     = "ram"
)

// LocalVolume is a file system that is mounted on this device.
type LocalVolume struct {
	// Fingerprint stays the same while the file system is the same and on the same device.
	Fingerprint string
	MountPoint  string // where it is seen best, if in several places
	FSType      string
	Source      string // what is mounted, as the system names it
	Kind        string
	Medium      string
	ReadOnly    bool
	// Online tells whether it answered in time; if not, the sizes are -1.
	Online   bool
	Capacity int64 // bytes
	Free     int64 // bytes that this user may still fill
}

// LocalVolumes returns the file systems of this device by mount point, without pseudo file
// systems. Each is given a second to answer, all at once, so that a dead server only makes
// its own entry say that it is offline.
func (r *Resolver) LocalVolumes(ctx context.Context) ([]LocalVolume, error) {
	return r.detector.volumes(ctx, r.ThisDevice().ID)
}

// LocalVolumes is Resolver.LocalVolumes for a caller that has no library; device is the id
// that goes into the fingerprints.
func LocalVolumes(ctx context.Context, device uuid.UUID) ([]LocalVolume, error) {
	return newDetector("/").volumes(ctx, device)
}

// mount is one row of the system's mount table.
type mount struct {
	device   string // of the superblock: "8:1"
	root     string // what of it is seen here; "/" is all
	point    string
	fsType   string
	source   string
	readOnly bool
	space    *space // where the table tells
}

// space is the answer of statfs, in bytes.
type space struct{ capacity, free int64 }

// detector looks at the mount table below root. It asks no file system twice at once: a call
// that hangs in the kernel cannot be ended, only not be repeated.
type detector struct {
	root     string // "/", and in tests a recorded sample
	statfs   func(path string) (space, error)
	patience time.Duration

	mu     sync.Mutex
	asking map[string]*question // by device and mount point

	seen glance
}

type question struct {
	done  chan struct{}
	space space
	err   error
}

func newDetector(root string) *detector {
	return &detector{root: root, statfs: statfs, patience: time.Second, asking: map[string]*question{}}
}

func (d *detector) volumes(ctx context.Context, device uuid.UUID) ([]LocalVolume, error) {
	table, err := d.table()
	if err != nil {
		return nil, err
	}
	mounts := distinct(table)
	disks := d.disks()
	list := make([]LocalVolume, len(mounts))
	var wg sync.WaitGroup
	for i, m := range mounts {
		wg.Go(func() {
			v := describe(m, disks, device)
			if s, err := d.ask(ctx, m); err == nil {
				v.Online, v.Capacity, v.Free = true, s.capacity, s.free
			}
			list[i] = v
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sort.Slice(list, func(i, j int) bool { return list[i].MountPoint < list[j].MountPoint })
	return list, nil
}

// ask waits for the file system's answer as long as patience and ctx last.
func (d *detector) ask(ctx context.Context, m mount) (space, error) {
	if m.space != nil {
		return *m.space, nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	key := m.device + " " + m.point
	d.mu.Lock()
	q := d.asking[key]
	if q == nil {
		q = &question{done: make(chan struct{})}
		d.asking[key] = q
		go func() {
			q.space, q.err = d.statfs(m.point)
			d.mu.Lock()
			delete(d.asking, key)
			d.mu.Unlock()
			close(q.done)
		}()
	}
	d.mu.Unlock()
	select {
	case <-q.done:
		return q.space, q.err
	case <-ctx.Done():
		return space{}, ctx.Err()
	}
}

// at returns the file system that is mounted above path, going by the path's words alone.
func (d *detector) at(path string, device uuid.UUID) (*Volume, error) {
	table, err := d.table()
	if err != nil {
		return nil, err
	}
	row := above(path, table)
	if row < 0 {
		return nil, nil
	}
	return asVolume(describe(table[row], d.disks(), device), device), nil
}

// asVolume is v in the words for all volumes.
func asVolume(v LocalVolume, device uuid.UUID) *Volume {
	return &Volume{
		Fingerprint: v.Fingerprint,
		Identifier:  v.MountPoint,
		Info: library.Volume{
			Fingerprint: v.Fingerprint, Identifier: v.MountPoint, DeviceID: device, Name: v.MountPoint, Kind: v.Kind, Medium: v.Medium,
			Config: map[string]string{"fstype": v.FSType, "source": v.Source},
		},
	}
}

func describe(m mount, disks disks, device uuid.UUID) LocalVolume {
	v := LocalVolume{MountPoint: m.point, FSType: m.fsType, Source: m.source, ReadOnly: m.readOnly, Capacity: -1, Free: -1}
	v.Kind, v.Medium = kindOf(m.fsType)
	disk := disks.of(m)
	if v.Medium == "" {
		v.Medium = disk.medium
	}
	if v.Kind == KindSystem && disk.external {
		v.Kind = KindExternal
	}
	// A network file system is its server's folder; a disk's file system has an id of its own.
	identity := m.fsType + " " + m.source
	switch {
	case disk.uuid != "":
		identity = "uuid " + disk.uuid
	case v.Kind == KindSystem || v.Kind == KindExternal:
		identity += " " + m.point
	}
	v.Fingerprint = fingerprint("local", device.String(), identity)
	return v
}

// distinct leaves out pseudo file systems, what another mount hides, and all but one mount of
// the same file system: the one that shows all of it, else the one nearest to the root.
func distinct(table []mount) []mount {
	hidden := map[string]int{}
	for i, m := range table {
		hidden[m.point] = i
	}
	best := map[string]int{}
	for i, m := range table {
		if hidden[m.point] != i || isPseudo(m) {
			continue
		}
		j, seen := best[m.device]
		if !seen || (m.root == "/") != (table[j].root == "/") && m.root == "/" ||
			(m.root == "/") == (table[j].root == "/") && len(m.point) < len(table[j].point) {
			best[m.device] = i
		}
	}
	list := make([]mount, 0, len(best))
	for _, i := range best {
		list = append(list, table[i])
	}
	return list
}

func isBelow(path, dir string) bool {
	return dir == "/" || path == dir || strings.HasPrefix(path, dir+"/")
}

// localPath is the path of a Physical as this machine's kernel takes it.
func localPath(path string) string {
	if runtime.GOOS != "windows" && !strings.HasPrefix(path, "/") {
		path = "/" + path // a POSIX folder that looks like a drive
	}
	return filepath.FromSlash(path)
}
