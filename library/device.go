package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	iofs "io/fs"
	"time"

	"github.com/google/uuid"

	"sd/sdpath"
)

// Device is one machine of a library.
type Device struct {
	ID      uuid.UUID
	Name    string // as the user wrote it
	Slug    string // as it stands in paths; unique in the library
	Created time.Time
}

// DeviceNameError says that a device cannot have that name.
type DeviceNameError struct{ Name, Why string }

func (e *DeviceNameError) Error() string {
	return fmt.Sprintf("device name %q cannot be used: %s", e.Name, e.Why)
}

// SlugTakenError says that two devices would have the same slug. Device is not in the
// library (or keeps its old name) and Other is.
type SlugTakenError struct {
	Library       string
	Device, Other Device
	This          bool // Device is the one we run on
}

func (e *SlugTakenError) Error() string {
	if !e.This {
		return fmt.Sprintf("device name %q would be %q in paths, which device %q of library %q is already: choose another name",
			e.Device.Name, e.Device.Slug, e.Other.Name, e.Library)
	}
	return fmt.Sprintf("this device is called %q (%q in paths) and so is another device of library %q: rename one, either this device with \"sd device rename local NEW-NAME\" or the other with \"sd device rename %s NEW-NAME\"",
		e.Device.Name, e.Device.Slug, e.Library, e.Other.Slug)
}

// IdentityError says that the file that tells who this device is cannot be understood.
type IdentityError struct {
	Path string
	Err  error
}

func (e *IdentityError) Error() string {
	return fmt.Sprintf("device file %s is damaged: %v; put back a copy of it, or remove it to make this a new device", e.Path, e.Err)
}

// Unwrap returns what was found.
func (e *IdentityError) Unwrap() error { return e.Err }

// ThisDevice returns the device we run on, as this library knows it; it costs nothing. After
// OpenForRename it may not be in the library yet.
func (l *Library) ThisDevice() Device {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.this
}

// Devices returns the library's devices by slug. The slice is the caller's.
func (l *Library) Devices(ctx context.Context) ([]Device, error) {
	return readAll(ctx, l, "devices", scanDevice, "SELECT id, name, slug, created FROM devices ORDER BY slug")
}

// AddDevice adds a device; its Slug is made from its Name, and a zero Created means now. A slug
// that is taken is a *SlugTakenError; adding the same device again is fs.ErrExist.
func (l *Library) AddDevice(ctx context.Context, d Device) (Device, error) {
	slug, err := deviceSlug(d.Name)
	if err != nil {
		return Device{}, err
	}
	if d.ID == uuid.Nil {
		return Device{}, errors.New("a device without an id cannot be added")
	}
	if d.Slug = slug; d.Created.IsZero() {
		d.Created = time.Now()
	}
	d.Created = time.UnixMilli(d.Created.UnixMilli()).UTC()
	err = l.write(ctx, "add a device to", func(tx *sql.Tx) error {
		if _, err := deviceByID(ctx, tx, d.ID); err == nil {
			return fmt.Errorf("device %s: %w", d.ID, iofs.ErrExist)
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := l.checkSlug(ctx, tx, d); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO devices (id, name, slug, created) VALUES (?, ?, ?, ?)", d.ID.String(), d.Name, d.Slug, d.Created.UnixMilli())
		return err
	})
	if err != nil {
		return Device{}, err
	}
	return d, nil
}

// RenameDevice gives a device another name and with it another slug. Renaming this device
// also adds it, where it could not join before, and names it so for libraries it joins later.
// A slug that is taken is a *SlugTakenError, an unknown id fs.ErrNotExist.
func (l *Library) RenameDevice(ctx context.Context, id uuid.UUID, name string) (Device, error) {
	slug, err := deviceSlug(name)
	if err != nil {
		return Device{}, err
	}
	var d Device
	err = l.write(ctx, "rename a device in", func(tx *sql.Tx) error {
		var err error
		d, err = deviceByID(ctx, tx, id)
		joins := errors.Is(err, sql.ErrNoRows) && id == l.identity.ID
		switch {
		case joins:
			d = l.identity.device()
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("device %s: %w", id, iofs.ErrNotExist)
		case err != nil:
			return err
		}
		d.Name, d.Slug = name, slug
		if err := l.checkSlug(ctx, tx, d); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO devices (id, name, slug, created) VALUES (?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, slug = excluded.slug`, d.ID.String(), d.Name, d.Slug, d.Created.UnixMilli())
		return err
	})
	if err != nil {
		return Device{}, err
	}
	if id != l.identity.ID {
		return d, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.this = d
	renamed := *l.identity
	renamed.Name = name
	return d, renamed.save()
}

// knowThis takes this device's name from the library, where it is in it.
func (l *Library) knowThis(ctx context.Context) error {
	d, err := deviceByID(ctx, l.readers, l.identity.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return l.explain("open", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.this = d
	return nil
}

// join adds this device, where it is not in the library.
func (l *Library) join(ctx context.Context) error {
	if _, err := deviceByID(ctx, l.readers, l.identity.ID); err == nil {
		return nil
	} else if !errors.Is(err, sql.ErrNoRows) {
		return l.explain("open", err)
	}
	_, err := l.AddDevice(ctx, l.identity.device())
	if errors.Is(err, iofs.ErrExist) { // another process of this device was faster
		return l.knowThis(ctx)
	}
	return err
}

func (l *Library) checkSlug(ctx context.Context, tx *sql.Tx, d Device) error {
	holder, err := scanDevice(tx.QueryRowContext(ctx, "SELECT id, name, slug, created FROM devices WHERE slug = ?", d.Slug))
	if errors.Is(err, sql.ErrNoRows) || err == nil && holder.ID == d.ID {
		return nil
	}
	if err != nil {
		return err
	}
	joins := d.ID == l.identity.ID && d.Name == l.identity.Name
	return &SlugTakenError{Library: l.name, Device: d, Other: holder, This: joins}
}

// deviceSlug is sdpath.Slug without the slugs that mean something else.
func deviceSlug(name string) (string, error) {
	slug, err := sdpath.Slug(name)
	if err != nil {
		return "", err
	}
	switch _, isUUID := uuid.Parse(slug); {
	case slug == "local":
		return "", &DeviceNameError{name, `"local" always means the device one is on`}
	case isUUID == nil && len(slug) == 36:
		return "", &DeviceNameError{name, "it looks like a device's id"}
	case len(slug) > 255:
		return "", &DeviceNameError{name, "it is longer than a file name may be (255 bytes)"}
	}
	return slug, nil
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func deviceByID(ctx context.Context, q querier, id uuid.UUID) (Device, error) {
	return scanDevice(q.QueryRowContext(ctx, "SELECT id, name, slug, created FROM devices WHERE id = ?", id.String()))
}

func scanDevice(row scanner) (Device, error) {
	var (
		d       Device
		id      string
		created int64
	)
	if err := row.Scan(&id, &d.Name, &d.Slug, &created); err != nil {
		return Device{}, err
	}
	var err error
	if d.ID, err = uuid.Parse(id); err != nil {
		return Device{}, &corruptError{fmt.Sprintf("device id %q is invalid", id)}
	}
	d.Created = time.UnixMilli(created).UTC()
	return d, nil
}
