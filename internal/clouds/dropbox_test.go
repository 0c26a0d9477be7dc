package clouds

import (
	"testing"

	"sd/internal/clouds/dropbox"

	"github.com/rclone/rclone/fs"

	_ "github.com/rclone/rclone/backend/dropbox"
)

func dropboxRemote(t *testing.T, c *Clouds, root string, more ...string) fs.Fs {
	t.Helper()
	return remote(t, c, "dropbox", root, append([]string{
		"client_id", dropbox.ClientID, "client_secret", dropbox.ClientSecret, "token", c.Dropbox.Token(), "batch_mode", "off",
	}, more...)...)
}

func TestDropboxByRclone(t *testing.T) {
	c := Start(t)
	c.Dropbox.SetPageSize(3)
	f := dropboxRemote(t, c, "", "chunk_size", "1Mi")
	judge(t, f, c.Dropbox.Tree)
}
