package resolver

import (
	"os"
	"path/filepath"
	"strings"
)

// disk is what the kernel tells of the disk or disks below a file system.
type disk struct {
	medium   string
	external bool
	uuid     string // of the file system
}

// disks looks disks up in sysfs.
type disks struct {
	root  string
	uuids map[string]string // by the block device's name: "sda1"
}

func (d *detector) disks() disks {
	found := disks{root: d.root, uuids: map[string]string{}}
	dir := filepath.Join(d.root, "dev/disk/by-uuid")
	links, _ := os.ReadDir(dir) // none in a container
	for _, l := range links {
		if target, err := os.Readlink(filepath.Join(dir, l.Name())); err == nil {
			found.uuids[filepath.Base(target)] = l.Name()
		}
	}
	return found
}

func (d disks) of(m mount) disk {
	dir := d.find(m)
	if dir == "" {
		return disk{}
	}
	found := d.inspect(dir, 0)
	found.uuid = d.uuids[filepath.Base(dir)]
	return found
}

// find returns the sysfs directory of the block device that m is mounted from, or "". File
// systems such as btrfs have a device number of their own; there the source tells.
func (d disks) find(m mount) string {
	if dir, err := filepath.EvalSymlinks(filepath.Join(d.root, "sys/dev/block", m.device)); err == nil {
		return dir
	}
	name, ok := strings.CutPrefix(m.source, "/dev/")
	if !ok {
		return ""
	}
	class := filepath.Join(d.root, "sys/class/block")
	if mapped, ok := strings.CutPrefix(name, "mapper/"); ok {
		entries, _ := filepath.Glob(filepath.Join(class, "dm-*"))
		for _, e := range entries {
			if read(e, "dm/name") == mapped {
				name = filepath.Base(e)
			}
		}
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(class, filepath.Base(name)))
	if err != nil {
		return ""
	}
	return dir
}

// inspect follows a partition to its disk, and device-mapper and md devices to all disks below
// them: one slow disk makes the whole slow, one that can be pulled out makes it external.
func (d disks) inspect(dir string, depth int) disk {
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		dir = filepath.Dir(dir)
	}
	slaves, _ := os.ReadDir(filepath.Join(dir, "slaves"))
	if len(slaves) > 0 && depth < 8 {
		var all disk
		for _, s := range slaves {
			below, err := filepath.EvalSymlinks(filepath.Join(dir, "slaves", s.Name()))
			if err != nil {
				continue
			}
			one := d.inspect(below, depth+1)
			all.external = all.external || one.external
			if all.medium == "" || one.medium == MediumHDD {
				all.medium = one.medium
			}
		}
		return all
	}
	var one disk
	switch name := filepath.Base(dir); {
	case strings.HasPrefix(name, "zram"), strings.HasPrefix(name, "ram"):
		one.medium = MediumRAM
	case strings.HasPrefix(name, "nbd"), strings.HasPrefix(name, "rbd"), strings.HasPrefix(name, "drbd"):
		one.medium = MediumNetwork
	default:
		switch read(dir, "queue/rotational") {
		case "0":
			one.medium = MediumSSD
		case "1":
			one.medium = MediumHDD
		}
	}
	one.external = read(dir, "removable") == "1" || read(dir, "device/type") == "SD" || strings.Contains(dir, "/usb")
	return one
}

func read(dir, file string) string {
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
