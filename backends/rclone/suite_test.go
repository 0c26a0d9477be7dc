package rclone

import (
	"strings"
	"testing"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/internal/testserver"
)

func TestServers(t *testing.T) {
	for _, kind := range []string{"webdav", "sftp", "ftp"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			srv := testserver.Rclone(t, kind)
			backendtest.Run(t, func(t *testing.T) backends.Backend { return served(t, srv, nil) }, backendtest.Options{
				PageSize: 5, CanHold: holds[kind], Groups: groups[kind], FewNames: kind != "sftp",
			})
		})
	}
}

// groups are those that are run, all if there are none: ftp is a second look at what a service
// without times or checksums of its own is like.
var groups = map[string][]string{"ftp": {"List", "Version", "Put", "Remove", "Rename", "Dirs"}}

// holds tells what the servers of the tests can hold.
var holds = map[string]func(string) bool{
	"webdav": plainName,
	"sftp":   plainName,
	"ftp":    plainName,
}

// plainName leaves out what rclone cannot pass through whole, and what no Linux file can be called.
func plainName(name string) bool {
	for seg := range strings.SplitSeq(name, "/") {
		if len(seg) > 255 {
			return false
		}
	}
	return writable(name)
}
