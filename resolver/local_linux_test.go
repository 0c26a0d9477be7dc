package resolver

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
)

var device = uuid.MustParse("550e8400-e29b-41d4-a716-446655440000")

// laptop is a machine with an encrypted disk in LVM, a mirror of two hard disks, a stick, an
// SD card, servers, and the usual noise.
const laptop = `22 27 0:21 / /proc rw,relatime - proc proc rw
23 27 0:22 / /sys rw,relatime - sysfs sysfs rw
24 27 0:6 / /dev rw,relatime - devtmpfs devtmpfs rw,size=12334460k
25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw
26 27 0:24 / /run rw,nosuid - tmpfs tmpfs rw
27 1 253:1 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw,discard
28 27 8:1 / /boot/efi rw,relatime shared:2 master:3 propagate_from:4 - vfat /dev/sda1 rw
29 27 0:44 /@home /home rw,noatime - btrfs /dev/mapper/vg-home rw,subvolid=256
30 29 0:44 /@home/me/Public /srv/public ro - btrfs /dev/mapper/vg-home rw
31 27 9:0 / /data ro,relatime - xfs /dev/md0 rw
32 27 8:33 / /run/media/me/My\040Stick\134\011\012é rw - exfat /dev/sdc1 rw
33 27 179:1 / /media/card rw - vfat /dev/mmcblk0p1 rw
34 27 0:50 / /mnt/nas rw - nfs4 nas:/export\040one rw,addr=10.0.0.2
35 27 0:51 / /mnt/bucket rw - fuse.rclone remote:bucket rw
36 27 0:52 / /tmp rw - tmpfs tmpfs rw
37 27 0:53 / /sd rw - fuse.sd sd rw
38 27 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro
39 27 0:54 / /mnt/auto rw - autofs systemd-1 rw
40 39 0:55 / /mnt/auto rw - cifs //srv/share rw
41 27 254:0 / /swapdisk rw - ext4 /dev/zram0 rw
42 27 8:49 /a /mnt/part rw - ext4 /dev/sdd1 rw
43 27 8:49 / /mnt/deep/whole rw - ext4 /dev/sdd1 rw
44 27 8:50 / /mnt/gone//deleted rw - ext4 /dev/sdd2 rw
45 27 0:56 / /mnt/odd rw - fuse.bindfs /home ro
broken line
46 27 0:57 / /short rw
`

// build makes a file of each path of sys, and a link of each that is followed by "-> target".
func build(t *testing.T, mountinfo string, sys ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, line := range append(sys, "proc/self/mountinfo = "+mountinfo) {
		path, content, isFile := strings.Cut(line, " = ")
		link, target, isLink := strings.Cut(line, " -> ")
		var err error
		switch {
		case isLink && !isFile:
			path = filepath.Join(root, link)
			if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
				err = os.Symlink(target, path)
			}
		case isFile:
			path = filepath.Join(root, path)
			if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
				err = os.WriteFile(path, []byte(content+"\n"), 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func laptopRoot(t *testing.T) string {
	const pci = "sys/devices/pci0000:00/"
	return build(t, laptop,
		// sda: the disk inside, an SSD with an EFI partition and, encrypted, a volume group
		pci+"ata1/block/sda/queue/rotational = 0", pci+"ata1/block/sda/removable = 0",
		pci+"ata1/block/sda/sda1/partition = 1", pci+"ata1/block/sda/sda2/partition = 2",
		"sys/dev/block/8:1 -> ../../devices/pci0000:00/ata1/block/sda/sda1",
		"sys/devices/virtual/block/dm-0/slaves/sda2 -> ../../../../pci0000:00/ata1/block/sda/sda2",
		"sys/devices/virtual/block/dm-0/dm/name = luks",
		"sys/devices/virtual/block/dm-1/slaves/dm-0 -> ../../dm-0", "sys/devices/virtual/block/dm-1/dm/name = vg-root",
		"sys/devices/virtual/block/dm-2/slaves/dm-0 -> ../../dm-0", "sys/devices/virtual/block/dm-2/dm/name = vg-home",
		"sys/devices/virtual/block/dm-2/queue/rotational = 1", // what the disks below say counts
		"sys/dev/block/253:1 -> ../../devices/virtual/block/dm-1",
		"sys/class/block/dm-0 -> ../../devices/virtual/block/dm-0", "sys/class/block/dm-1 -> ../../devices/virtual/block/dm-1",
		"sys/class/block/dm-2 -> ../../devices/virtual/block/dm-2",
		// md0: a mirror of that SSD and a hard disk
		pci+"ata2/block/sdb/queue/rotational = 1", pci+"ata2/block/sdb/removable = 0",
		"sys/devices/virtual/block/md0/slaves/sda2 -> ../../../../pci0000:00/ata1/block/sda/sda2",
		"sys/devices/virtual/block/md0/slaves/sdb -> ../../../../pci0000:00/ata2/block/sdb",
		"sys/dev/block/9:0 -> ../../devices/virtual/block/md0",
		// sdc: a stick; sdd: a hard disk in a USB case, which says that it is fixed
		pci+"usb1/1-1/host6/block/sdc/queue/rotational = 1", pci+"usb1/1-1/host6/block/sdc/removable = 1", pci+"usb1/1-1/host6/block/sdc/sdc1/partition = 1",
		"sys/dev/block/8:33 -> ../../devices/pci0000:00/usb1/1-1/host6/block/sdc/sdc1",
		pci+"usb1/1-2/host7/block/sdd/queue/rotational = 1", pci+"usb1/1-2/host7/block/sdd/removable = 0", pci+"usb1/1-2/host7/block/sdd/sdd1/partition = 1",
		"sys/dev/block/8:49 -> ../../devices/pci0000:00/usb1/1-2/host7/block/sdd/sdd1",
		pci+"mmc0/block/mmcblk0/queue/rotational = 0", pci+"mmc0/block/mmcblk0/device/type = SD", pci+"mmc0/block/mmcblk0/mmcblk0p1/partition = 1",
		"sys/dev/block/179:1 -> ../../devices/pci0000:00/mmc0/block/mmcblk0/mmcblk0p1",
		"sys/devices/virtual/block/zram0/queue/rotational = 0",
		"sys/dev/block/254:0 -> ../../devices/virtual/block/zram0",
		"dev/disk/by-uuid/AAAA-1111 -> ../../sdc1", "dev/disk/by-uuid/root-uuid -> ../../dm-1", "dev/disk/by-uuid/home-uuid -> ../../dm-2",
	)
}

func TestLaptop(t *testing.T) {
	d := newDetector(laptopRoot(t))
	d.patience = time.Minute
	d.statfs = func(path string) (space, error) {
		if path == "/mnt/auto" {
			return space{}, os.ErrPermission
		}
		return space{capacity: 1000, free: int64(len(path))}, nil
	}
	got, err := d.volumes(t.Context(), device)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		point, kind, medium string
		readOnly, online    bool
	}{
		{"/", KindSystem, MediumSSD, false, true},
		{"/boot/efi", KindSystem, MediumSSD, false, true},
		{"/data", KindSystem, MediumHDD, true, true},
		{"/home", KindSystem, MediumSSD, false, true},
		{"/media/card", KindExternal, MediumSSD, false, true},
		{"/mnt/auto", KindNetwork, MediumNetwork, false, false},
		{"/mnt/bucket", KindCloud, MediumNetwork, false, true},
		{"/mnt/deep/whole", KindExternal, MediumHDD, false, true},
		{"/mnt/nas", KindNetwork, MediumNetwork, false, true},
		{"/mnt/odd", KindSystem, "", true, true},
		{"/run/media/me/My Stick\\\t\né", KindExternal, MediumHDD, false, true},
		{"/swapdisk", KindSystem, MediumRAM, false, true},
		{"/tmp", KindSystem, MediumRAM, false, true},
	}
	prints := map[string]string{}
	for i, v := range got {
		if i >= len(want) {
			t.Errorf("unexpected %+v", v)
			continue
		}
		w := want[i]
		if v.MountPoint != w.point || v.Kind != w.kind || v.Medium != w.medium || v.ReadOnly != w.readOnly || v.Online != w.online {
			t.Errorf("got %+v, want %+v", v, w)
		}
		if v.Online && (v.Capacity != 1000 || v.Free != int64(len(v.MountPoint))) || !v.Online && (v.Capacity != -1 || v.Free != -1) {
			t.Errorf("%s has %d bytes, %d free", v.MountPoint, v.Capacity, v.Free)
		}
		if other, ok := prints[v.Fingerprint]; ok || v.Fingerprint == "" {
			t.Errorf("%s has the fingerprint of %s", v.MountPoint, other)
		}
		prints[v.Fingerprint] = v.MountPoint
	}
	if len(got) < len(want) {
		t.Errorf("got %d volumes, want %d", len(got), len(want))
	}
}

func TestFingerprintFollowsTheFileSystem(t *testing.T) {
	root := laptopRoot(t)
	print := func(root string, device uuid.UUID, point string) string {
		t.Helper()
		d := newDetector(root)
		d.statfs = func(string) (space, error) { return space{}, nil }
		list, err := d.volumes(t.Context(), device)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list {
			if v.MountPoint == point {
				return v.Fingerprint
			}
		}
		t.Fatalf("no volume at %s", point)
		return ""
	}
	const stick = "/run/media/me/My Stick\\\t\né"
	before, nas := print(root, device, stick), print(root, device, "/mnt/nas")
	if print(root, uuid.New(), stick) == before {
		t.Error("another device gives the same fingerprint")
	}
	moved := strings.Replace(laptop, `/run/media/me/My\040Stick\134\011\012é`, "/media/stick", 1)
	moved = strings.Replace(moved, "0:50 / /mnt/nas", "0:99 / /mnt/server", 1)
	if err := os.WriteFile(filepath.Join(root, "proc/self/mountinfo"), []byte(moved), 0o644); err != nil {
		t.Fatal(err)
	}
	if print(root, device, "/media/stick") != before {
		t.Error("mounted elsewhere, the stick has another fingerprint")
	}
	if print(root, device, "/mnt/server") != nas {
		t.Error("mounted elsewhere, the server's folder has another fingerprint")
	}
}

func TestAt(t *testing.T) {
	d := newDetector(laptopRoot(t))
	d.statfs = func(string) (space, error) { panic("finding a volume must not ask the file system") }
	for path, want := range map[string]struct{ point, kind, medium string }{
		"/":                      {"/", KindSystem, MediumSSD},
		"/etc/hosts":             {"/", KindSystem, MediumSSD},
		"/homestead":             {"/", KindSystem, MediumSSD},
		"/home":                  {"/home", KindSystem, MediumSSD},
		"/home/me/x":             {"/home", KindSystem, MediumSSD},
		"/srv/public/x":          {"/srv/public", KindSystem, MediumSSD},
		"/mnt/auto/x":            {"/mnt/auto", KindNetwork, MediumNetwork},
		"/mnt/deep":              {"/", KindSystem, MediumSSD},
		"/mnt/deep/whole/a":      {"/mnt/deep/whole", KindExternal, MediumHDD},
		"/proc/self":             {"/proc", KindSystem, ""},
		"/media/card/DCIM/1.jpg": {"/media/card", KindExternal, MediumSSD},
	} {
		v, err := d.at(path, device)
		if err != nil || v.Identifier != want.point || v.Info.Kind != want.kind || v.Info.Medium != want.medium || v.Info.DeviceID != device {
			t.Errorf("at(%s) = %+v, %v, want %+v", path, v, err, want)
		}
	}
	if v, _ := d.at("/mnt/auto/x", device); v.Info.Config["fstype"] != "cifs" || v.Info.Config["source"] != "//srv/share" {
		t.Errorf("the automounted share is %+v", v)
	}
	whole, _ := d.at("/mnt/deep/whole", device)
	home, _ := d.at("/home/x", device)
	public, _ := d.at("/srv/public", device)
	if whole.Fingerprint == home.Fingerprint || home.Fingerprint != public.Fingerprint {
		t.Error("two mounts of one file system must have one fingerprint")
	}
}

// A server that hangs makes its own entry offline, and is not asked again while it hangs.
func TestHungServer(t *testing.T) {
	d := newDetector(laptopRoot(t))
	d.patience = 50 * time.Millisecond
	var asked atomic.Int64
	answer := make(chan struct{})
	d.statfs = func(path string) (space, error) {
		if path == "/mnt/nas" {
			asked.Add(1)
			<-answer
		}
		return space{capacity: 10, free: 1}, nil
	}
	nas := func(d *detector) LocalVolume {
		t.Helper()
		list, err := d.volumes(t.Context(), device)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list {
			if v.MountPoint == "/mnt/nas" {
				return v
			}
		}
		t.Fatal("the server is missing")
		return LocalVolume{}
	}
	var offline LocalVolume
	for range 3 {
		if offline = nas(d); offline.Online || offline.Capacity != -1 || offline.Fingerprint == "" {
			t.Errorf("got %+v, want it offline", offline)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the server was asked %d times, want once", n)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.volumes(gone, device); !errors.Is(err, context.Canceled) {
		t.Errorf("volumes for one who left: %v, want Canceled", err)
	}
	close(answer)
	d.patience = time.Minute
	if v := nas(d); !v.Online || v.Capacity != 10 || v.Fingerprint != offline.Fingerprint {
		t.Errorf("got %+v, want it back with its fingerprint", v)
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`a`: "a", `a\040b`: "a b", `\134\011\012\043`: "\\\t\n#", `\`: `\`, `\04`: `\04`, `\999`: `\999`, `a\0`: `a\0`, `\303\251`: "é", `\777`: `\777`,
	} {
		if got := unescape(in); got != want {
			t.Errorf("unescape(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzMountinfo(f *testing.F) {
	f.Add(laptop)
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range parseMountinfo(text) {
			if !strings.HasPrefix(m.point, "/") || m.fsType == "" || m.device == "" {
				t.Errorf("got %+v", m)
			}
		}
	})
}

// On the machine of the test there is at least a root, and it answers.
func TestThisMachine(t *testing.T) {
	list, err := LocalVolumes(t.Context(), device)
	if err != nil || len(list) == 0 {
		t.Fatalf("LocalVolumes = %v, %v", list, err)
	}
	for _, v := range list {
		t.Logf("%+v", v)
		if v.Kind == "" || v.Fingerprint == "" || v.Online && v.Free > v.Capacity {
			t.Errorf("got %+v", v)
		}
	}
	d := newDetector(filepath.Join(t.TempDir(), "nothing"))
	if _, err := d.volumes(t.Context(), device); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a mount table: %v, want ErrNotExist", err)
	}
}

func TestLately(t *testing.T) {
	d := newDetector(laptopRoot(t))
	asked := map[string]int{}
	d.statfs = func(path string) (space, error) {
		asked[path]++
		if path == "/mnt/auto" {
			return space{}, os.ErrPermission
		}
		return space{}, nil
	}
	for range 3 {
		for _, want := range []struct {
			path, point, kind string
			online            bool
		}{
			{"/home/me/a", "/home", KindSystem, true},
			{"/mnt/nas/a", "/mnt/nas", KindNetwork, true},
			{"/mnt/auto/a", "/mnt/auto", KindNetwork, false},
		} {
			v, online, err := d.lately(t.Context(), want.path, device)
			if err != nil || v == nil || v.Identifier != want.point || v.Info.Kind != want.kind || online != want.online {
				t.Errorf("%s lies on %+v, online %t, %v; want %+v", want.path, v, online, err, want)
			}
		}
	}
	if asked["/home"] != 0 {
		t.Error("a local disk was asked whether it is there")
	}
	if asked["/mnt/auto"] != 1 {
		t.Errorf("a file system that does not answer was asked %d times, want once", asked["/mnt/auto"])
	}
}
