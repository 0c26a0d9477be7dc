package catalog

import (
	"github.com/google/uuid"
)

// FolderID is the number of a folder; 0 is none.
type FolderID int64

// Place is where a tree of folders begins: a device's "/" or a cloud volume's root.
type Place string

// DevicePlace is the place of a device's files.
func DevicePlace(id uuid.UUID) Place { return Place("device:" + id.String()) }

// VolumePlace is the place of a cloud volume's files.
func VolumePlace(fingerprint string) Place { return Place("volume:" + fingerprint) }
