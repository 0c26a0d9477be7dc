package rest

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// dropDeadPeers makes the kernel give a connection up when sent data stays
// unacknowledged for two seconds. So a pooled connection that died unseen, as all
// do when a laptop sleeps, fails early enough for another attempt.
func dropDeadPeers(_, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 2000)
	}); cerr != nil {
		return cerr
	}
	return err
}
