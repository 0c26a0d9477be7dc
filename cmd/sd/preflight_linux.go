package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mayMount says what stands in the way of a mount, before anything is tried.
func mayMount(allowOther bool) error {
	checks := []check{checkFuseDevice(), checkFusermount()}
	if allowOther {
		checks = append(checks, checkAllowOther())
	}
	for _, c := range checks {
		if c.Level == fail || c.Level == warn {
			return fmt.Errorf("%s; %s", c.Text, c.Mend)
		}
	}
	return nil
}

// systemChecks look at the machine.
func systemChecks() []check {
	return []check{
		checkFuseDevice(), checkFusermount(), checkAllowOther(),
		checkPassthrough(), checkFanotify(), checkFileLimit(),
	}
}

func checkFuseDevice() check {
	c := check{Name: "fuse device"}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	switch {
	case err == nil:
		f.Close()
		return c.ok("/dev/fuse can be opened")
	case errors.Is(err, os.ErrPermission) && os.Geteuid() != 0:
		return c.fail("/dev/fuse may not be opened by you", "as root: chmod 666 /dev/fuse (its usual mode; the package fuse3 sees to that)")
	case errors.Is(err, os.ErrNotExist):
		return c.fail("there is no /dev/fuse", "as root: modprobe fuse; a container needs --device /dev/fuse --cap-add SYS_ADMIN")
	}
	return c.fail(err.Error(), "a container needs --device /dev/fuse --cap-add SYS_ADMIN")
}

func checkFusermount() check {
	c := check{Name: "fusermount3"}
	path, err := exec.LookPath("fusermount3")
	switch {
	case os.Geteuid() == 0:
		return c.ok("not needed by root")
	case err != nil:
		return c.fail("fusermount3 is not there, so only root can mount", "install the package fuse3")
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeSetuid == 0 {
		return c.fail(path+" is not set-user-id root", "reinstall the package fuse3, or as root: chmod u+s "+path)
	}
	return c.ok(path)
}

func checkAllowOther() check {
	c := check{Name: "allow other users"}
	if os.Geteuid() == 0 {
		return c.ok("root may always")
	}
	if f, err := os.Open("/etc/fuse.conf"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if strings.TrimSpace(lines.Text()) == "user_allow_other" {
				return c.ok("user_allow_other is set in /etc/fuse.conf")
			}
		}
	}
	return c.warn("--allow-other is not permitted to you", "add the line user_allow_other to /etc/fuse.conf")
}

func checkPassthrough() check {
	c := check{Name: "passthrough"}
	release := kernelRelease()
	switch {
	case !kernelAtLeast(release, 6, 9):
		return c.warn("kernel "+release+" has no FUSE passthrough: local files are slower", "use kernel 6.9 or newer")
	case os.Geteuid() != 0:
		return c.warn("FUSE passthrough is for root alone: local files are slower", "mount as root, if that matters: sudo sd mount --allow-other")
	}
	return c.ok("kernel " + release + " passes local reads and writes through")
}

func checkFanotify() check {
	c := check{Name: "change notices"}
	if os.Geteuid() != 0 {
		return c.warn("changes behind the mount show within a second, not at once: fanotify is for root alone", "mount as root, if that matters")
	}
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_REPORT_DFID_NAME, unix.O_RDONLY)
	if err != nil {
		return c.warn("changes behind the mount show within a second, not at once: fanotify: "+err.Error(),
			"use a kernel with fanotify (5.9 or newer)")
	}
	unix.Close(fd)
	return c.ok("fanotify works")
}

func checkFileLimit() check {
	c := check{Name: "open files"}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return c.warn(err.Error(), "ulimit -n tells the limit")
	}
	text := "up to " + strconv.FormatUint(limit.Max, 10)
	if limit.Max < 16384 {
		return c.warn(text+": programs that open many files will fail", "raise nofile in /etc/security/limits.conf or LimitNOFILE= of the unit")
	}
	return c.ok(text)
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// kernelAtLeast compares the first two numbers of a release such as 6.18.44-rc1.
func kernelAtLeast(release string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(release, "%d.%d", &a, &b); err != nil {
		return false
	}
	return a > major || a == major && b >= minor
}
