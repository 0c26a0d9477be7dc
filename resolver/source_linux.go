package resolver

import "golang.org/x/sys/unix"

// noAtime leaves the time of access alone. It is for a file's owner and root.
const noAtime = unix.O_NOATIME
