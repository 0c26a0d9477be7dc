package clouds

import (
	"testing"

	"sd/internal/clouds/onedrive"

	"github.com/rclone/rclone/fs"

	_ "github.com/rclone/rclone/backend/onedrive"
)

func oneDriveRemote(t *testing.T, c *Clouds, root string, more ...string) fs.Fs {
	t.Helper()
	return remote(t, c, "onedrive", root, append([]string{
		"client_id", onedrive.ClientID, "token", c.OneDrive.Token(), "drive_id", onedrive.DriveID, "drive_type", onedrive.DriveType,
	}, more...)...)
}

func TestOneDriveByRclone(t *testing.T) {
	c := Start(t)
	c.OneDrive.SetPageSize(3)
	f := oneDriveRemote(t, c, "", "upload_cutoff", "1Mi", "chunk_size", "1280Ki")
	judge(t, f, c.OneDrive.Tree)
}
