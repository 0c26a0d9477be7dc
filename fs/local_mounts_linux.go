package fs

import (
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sweepEvery is how often directories of other file systems are looked at for being
// in use: after two rounds without, they let go.
const sweepEvery = 2 * time.Second

// follow keeps the tree in step with the mount table, as proc_pid_mounts(5) tells of
// its changes, until stop can be read.
func (t *localTree) follow(stop *os.File) {
	defer close(t.followed)
	// Not by os.Open: Go's own poller would take the news away.
	table, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(table)
	for {
		fds := []unix.PollFd{
			{Fd: int32(stop.Fd()), Events: unix.POLLIN},
			{Fd: int32(table), Events: unix.POLLPRI | unix.POLLERR},
		}
		n, err := unix.Poll(fds, int(sweepEvery.Milliseconds()))
		switch {
		case fds[0].Revents != 0:
			return
		case err != nil || n == 0:
			t.dirs.sweep(t.root.dev, false)
		default:
			t.mountsChanged(t.hidden.refresh())
		}
	}
}

// mountsChanged makes the kernel forget what it knows at places where a mount has come
// or gone, which no other report tells. They may be behind a lock that a dead server
// holds, so nobody waits.
func (t *localTree) mountsChanged(places []string) {
	t.dirs.sweep(t.root.dev, true)
	if !t.shown.Load() {
		return
	}
	for _, place := range places {
		dir, name := path.Split(path.Clean(place))
		n := t.root.EmbeddedInode()
		for _, step := range strings.FieldsFunc(dir, func(r rune) bool { return r == '/' }) {
			if n = n.GetChild(step); n == nil {
				break
			}
		}
		if n != nil && name != "" {
			go n.NotifyEntry(name)
		}
	}
}
