package resolver

import (
	"fmt"
	iofs "io/fs"
	"strings"

	"github.com/google/uuid"

	"sd/backends"
	"sd/library"
	"sd/sdpath"
)

// DeviceNotFoundError says that the library has no device of that name. It is fs.ErrNotExist.
type DeviceNotFoundError struct {
	Slug  string
	Known []string // slugs
}

func (e *DeviceNotFoundError) Error() string {
	return fmt.Sprintf("no device %q in this library: it has %s, and \"local\" is this one", e.Slug, strings.Join(e.Known, ", "))
}

// Is makes it fs.ErrNotExist.
func (e *DeviceNotFoundError) Is(target error) bool { return target == iofs.ErrNotExist }

// VolumeNotFoundError says that the library has no such volume. It is fs.ErrNotExist.
type VolumeNotFoundError struct {
	Service    sdpath.Service // "" where Identifier is a volume's name
	Identifier string
	Known      []string // names; only where Service is ""
	// Removed says that the library once had it, of which the fingerprint in Identifier is left.
	Removed bool
}

func (e *VolumeNotFoundError) Error() string {
	if e.Removed {
		return `no volume any more: it was removed from the library; "sd volume add-cloud" adds it again`
	}
	if e.Service == "" {
		known := "there is none"
		if len(e.Known) > 0 {
			known = "there are: " + strings.Join(e.Known, ", ")
		}
		return fmt.Sprintf("no volume %q (%s): add it with \"sd volume add-cloud %s --service s3 --bucket BUCKET\"", e.Identifier, known, quote(e.Identifier))
	}
	flags := "--bucket " + quote(e.Identifier)
	switch e.Service {
	case sdpath.AzBlob:
		flags = "--account ACCOUNT --container " + quote(e.Identifier)
	case sdpath.GDrive:
		flags = "--client-id ID --drive " + quote(e.Identifier)
	case sdpath.OneDrive, sdpath.Dropbox:
		flags = "--client-id ID"
		if e.Identifier != "OneDrive" && e.Identifier != "Dropbox" { // these are a whole account
			flags += " --folder " + quote(e.Identifier)
		}
	case sdpath.Rclone:
		flags = "--remote " + quote(e.Identifier)
	}
	return fmt.Sprintf("no volume %s://%s: add it with \"sd volume add-cloud NAME --service %s %s\"", e.Service, e.Identifier, e.Service, flags)
}

// Is makes it fs.ErrNotExist.
func (e *VolumeNotFoundError) Is(target error) bool { return target == iofs.ErrNotExist }

// DeviceOfflineError says that a device is known but not reachable. It is backends.ErrOffline.
type DeviceOfflineError struct{ Device library.Device }

func (e *DeviceOfflineError) Error() string {
	return fmt.Sprintf("device %q (%s) cannot be reached from this one: open its files there", e.Device.Name, e.Device.Slug)
}

// Is makes it backends.ErrOffline.
func (e *DeviceOfflineError) Is(target error) bool { return target == backends.ErrOffline }

// NotIndexedError says that no file is known to have that content. It is fs.ErrNotExist.
type NotIndexedError struct{ ID uuid.UUID }

func (e *NotIndexedError) Error() string {
	return fmt.Sprintf("content %s is not indexed: this library knows no file with it", e.ID)
}

// Is makes it fs.ErrNotExist.
func (e *NotIndexedError) Is(target error) bool { return target == iofs.ErrNotExist }

// NoDriverError says that this program cannot open volumes of the service.
type NoDriverError struct{ Service sdpath.Service }

func (e *NoDriverError) Error() string {
	return fmt.Sprintf("this version of sd cannot open %s volumes: update sd", e.Service)
}

// quote writes s as a shell takes it.
func quote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
