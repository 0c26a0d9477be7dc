package rclone

// What a default build reaches; see all.go for the rest.
import (
	_ "github.com/rclone/rclone/backend/crypt"
	_ "github.com/rclone/rclone/backend/drive"
	_ "github.com/rclone/rclone/backend/dropbox"
	_ "github.com/rclone/rclone/backend/ftp"
	_ "github.com/rclone/rclone/backend/onedrive"
	_ "github.com/rclone/rclone/backend/sftp"
	_ "github.com/rclone/rclone/backend/smb"
	_ "github.com/rclone/rclone/backend/webdav"
)

// habits are what is known of a type of remote before it is reached. The zero habits fit any.
type habits struct {
	tree    bool // it moves files and folders, and keeps empty folders
	meter   bool // it tells how full it is
	copies  bool // it copies by itself
	watches bool // it tells what was changed
	folds   bool // it does not tell names by their case

	twins   bool // names may repeat
	ours    bool // it is used by an account, with the client id of the user
	partial bool // what is being written can be seen
}

// types are the types of remotes that are known well.
var types = map[string]habits{
	"drive":      {tree: true, meter: true, copies: true, watches: true, twins: true, ours: true},
	"onedrive":   {tree: true, meter: true, copies: true, watches: true, folds: true, ours: true},
	"dropbox":    {tree: true, meter: true, copies: true, watches: true, folds: true, ours: true},
	"webdav":     {tree: true, meter: true, copies: true, partial: true},
	"sftp":       {tree: true, meter: true, partial: true},
	"ftp":        {tree: true, partial: true},
	"smb":        {tree: true, meter: true, folds: true, partial: true},
	"local":      {tree: true, partial: true},
	"box":        {tree: true, meter: true, copies: true, folds: true},
	"pcloud":     {tree: true, meter: true, copies: true},
	"jottacloud": {tree: true, meter: true, copies: true, folds: true},
	"koofr":      {tree: true, meter: true, copies: true, folds: true},
}

// habitsOf returns the habits of a remote, for one that encrypts another those of the other.
func habitsOf(r *Remote) habits {
	if r.Type == "crypt" {
		if inner := r.inner(); inner != nil {
			h := habitsOf(inner)
			h.twins, h.folds, h.watches, h.ours = false, false, false, false
			return h
		}
	}
	return types[r.Type]
}
