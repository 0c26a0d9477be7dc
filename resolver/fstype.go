package resolver

import "strings"

// pseudo file systems hold no files of the user.
var pseudo = words(`autofs bdev binder binfmt_misc bpf cgroup cgroup2 configfs cpuset debugfs devfs devpts devtmpfs efivarfs fdescfs
	fuse.gvfsd-fuse fuse.lxcfs fuse.portal fuse.sd fuse.snapfuse fusectl hugetlbfs kernfs linprocfs linsysfs mqueue nsfs nullfs pipefs proc
	procfs pstore ramfs resctrl rootfs rpc_pipefs securityfs selinuxfs smackfs sockfs squashfs sysfs tracefs`)

var network = words(`9p acfs afpfs afs beegfs ceph cifs coda davfs fuse.ceph fuse.cephfs fuse.davfs2 fuse.glusterfs fuse.sshfs fuse.vmhgfs-fuse gfs2
	glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 orangefs prl_fs smb3 smbfs vboxsf virtiofs webdav`)

var cloud = words(`fuse.blobfuse fuse.blobfuse2 fuse.dropbox fuse.gcsfuse fuse.geesefs fuse.goofys fuse.google-drive-ocamlfuse fuse.juicefs
	fuse.mount-s3 fuse.mountpoint-s3 fuse.onedriver fuse.rclone fuse.s3backer fuse.s3fs fuse.s3ql rclone s3fs`)

func words(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// kindOf tells what the type alone tells; the medium is "" where the disk has to be asked.
func kindOf(fsType string) (kind, medium string) {
	switch {
	case network[fsType]:
		return KindNetwork, MediumNetwork
	case cloud[strings.ToLower(fsType)]:
		return KindCloud, MediumNetwork
	case fsType == "tmpfs" || fsType == "ramfs" || fsType == "mfs":
		return KindSystem, MediumRAM
	}
	return KindSystem, ""
}

func isPseudo(m mount) bool {
	if pseudo[m.fsType] {
		return true
	}
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		if isBelow(m.point, dir) {
			return true
		}
	}
	return m.fsType == "tmpfs" && isBelow(m.point, "/run")
}
