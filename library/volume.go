package library

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"
	"time"

	"github.com/google/uuid"

	"sd/sdpath"
)

// Volume is a place where files live, as the library remembers it.
type Volume struct {
	// Fingerprint names the volume for ever; it is unique.
	Fingerprint string
	Service     sdpath.Service // "" for a local file system
	// Identifier is the bucket, container, drive or top folder.
	Identifier string
	// MountPoint is where it is shown, as in "s3://bucket-2": unique, or "" in a row from
	// before mount points were stored.
	MountPoint string
	// DeviceID is the device that alone reaches it; zero for a cloud volume.
	DeviceID uuid.UUID
	// Name is the user's; those of cloud volumes are unique.
	Name   string
	Kind   string // system, external, network, cloud
	Medium string // ssd, hdd, network, ram, or "" where unknown
	// Config says how to reach it: bucket, region, endpoint, profile, access_key_id, …; never
	// a secret. It is shared: do not change it.
	Config  map[string]string
	Created time.Time
}

// VolumeConflictError says that a volume cannot be added beside Existing.
type VolumeConflictError struct {
	Field    string // what both have: "fingerprint", "mount point" or "name"
	Existing Volume
}

func (e *VolumeConflictError) Error() string {
	switch v := e.Existing; e.Field {
	case "mount point":
		return fmt.Sprintf("mount point %s belongs to volume %q", v.MountPoint, v.Name)
	case "name":
		return fmt.Sprintf("there is a volume named %q already (%s): choose another name", v.Name, v.MountPoint)
	default:
		return fmt.Sprintf("this volume was added already, as %q (%s): to add it anew, remove it first with \"sd volume remove-cloud %s\"", v.Name, v.MountPoint, v.Name)
	}
}

const volumeColumns = "fingerprint, service, identifier, mount_point, device_id, name, kind, medium, config, created"

// Volumes returns the library's volumes in the order in which they were added. The slice is
// the caller's.
func (l *Library) Volumes(ctx context.Context) ([]Volume, error) {
	return readAll(ctx, l, "volumes", scanVolume, "SELECT "+volumeColumns+" FROM volumes ORDER BY created, rowid")
}

// AddVolume adds a volume; a zero Created means now. It is a *VolumeConflictError if
// another has its fingerprint, mount point or, among cloud volumes, name. A Config key that
// looks like a secret's is refused.
func (l *Library) AddVolume(ctx context.Context, v Volume) error {
	for key := range v.Config {
		for _, word := range []string{"secret", "password", "passphrase", "token", "private_key"} {
			if strings.Contains(strings.ToLower(key), word) {
				return fmt.Errorf("volume %q: %q is a secret, which a library does not keep", v.Name, key)
			}
		}
	}
	config, err := json.Marshal(v.Config)
	if err != nil {
		return err
	}
	if v.Config == nil {
		config = []byte("{}")
	}
	if v.Created.IsZero() {
		v.Created = time.Now()
	}
	return l.write(ctx, "add a volume to", func(tx *sql.Tx) error {
		if err := checkConflict(ctx, tx, v); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO volumes ("+volumeColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			v.Fingerprint, string(v.Service), v.Identifier, orNull(v.MountPoint), deviceOrNull(v.DeviceID), v.Name, v.Kind, v.Medium, string(config), v.Created.UnixMilli())
		return err
	})
}

// RemoveVolume forgets a volume and its facts; its files stay where they are. An unknown fingerprint is
// fs.ErrNotExist.
func (l *Library) RemoveVolume(ctx context.Context, fingerprint string) error {
	return l.write(ctx, "remove a volume from", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "DELETE FROM volumes WHERE fingerprint = ?", fingerprint)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 1 {
			_, err := tx.ExecContext(ctx, "DELETE FROM objects WHERE volume = ?", fingerprint)
			return err
		}
		return fmt.Errorf("volume %s: %w", fingerprint, iofs.ErrNotExist)
	})
}

func checkConflict(ctx context.Context, tx *sql.Tx, v Volume) error {
	for _, c := range []struct {
		field, where string
		value        string
	}{
		{"fingerprint", "fingerprint = ?", v.Fingerprint},
		{"name", "name = ? AND device_id IS NULL", v.Name},
		{"mount point", "mount_point = ?", v.MountPoint},
	} {
		if c.value == "" || c.field == "name" && v.DeviceID != uuid.Nil {
			continue
		}
		existing, err := scanVolume(tx.QueryRowContext(ctx, "SELECT "+volumeColumns+" FROM volumes WHERE "+c.where, c.value))
		if err == nil {
			return &VolumeConflictError{Field: c.field, Existing: existing}
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return nil
}

func scanVolume(row scanner) (Volume, error) {
	var (
		v              Volume
		service        string
		mount, device  sql.NullString
		config         string
		createdAtMilli int64
	)
	err := row.Scan(&v.Fingerprint, &service, &v.Identifier, &mount, &device, &v.Name, &v.Kind, &v.Medium, &config, &createdAtMilli)
	if err != nil {
		return Volume{}, err
	}
	if device.Valid {
		if v.DeviceID, err = uuid.Parse(device.String); err != nil {
			return Volume{}, &corruptError{fmt.Sprintf("volume %q has the invalid device id %q", v.Name, device.String)}
		}
	}
	if err := json.Unmarshal([]byte(config), &v.Config); err != nil {
		return Volume{}, &corruptError{fmt.Sprintf("volume %q has an invalid config: %v", v.Name, err)}
	}
	v.Service, v.MountPoint, v.Created = sdpath.Service(service), mount.String, time.UnixMilli(createdAtMilli).UTC()
	return v, nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func deviceOrNull(id uuid.UUID) any {
	if id == uuid.Nil {
		return nil
	}
	return id.String()
}
