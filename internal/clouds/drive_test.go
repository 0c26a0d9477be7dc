package clouds

import (
	"testing"

	"sd/internal/clouds/drive"

	"github.com/rclone/rclone/fs"

	_ "github.com/rclone/rclone/backend/drive"
)

func driveRemote(t *testing.T, c *Clouds, root string, more ...string) fs.Fs {
	t.Helper()
	return remote(t, c, "drive", root, append([]string{
		"client_id", drive.ClientID, "client_secret", drive.ClientSecret, "token", c.Drive.Token(), "scope", "drive",
	}, more...)...)
}

func TestDriveByRclone(t *testing.T) {
	c := Start(t)
	c.Drive.SetPageSize(3)
	f := driveRemote(t, c, "")
	judge(t, f, func() map[string]string { return c.Drive.Tree() })
}
