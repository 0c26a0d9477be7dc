package catalog

import (
	"encoding/binary"
	"strings"

	"github.com/google/uuid"

	"sd/identity"
)

// FolderID names a folder for as long as the library lives; it is not used again. 0: none.
type FolderID int64

// Place is what a tree of folders belongs to.
type Place string

// DevicePlace is the place of a device's file systems; its paths begin at "/".
func DevicePlace(device uuid.UUID) Place { return Place(devicePrefix + device.String()) }

// VolumePlace is the place of a cloud volume; its paths begin at the volume's root.
func VolumePlace(fingerprint string) Place { return Place("volume:" + fingerprint) }

// Local tells whether it is the place of a device.
func (p Place) Local() bool { return strings.HasPrefix(string(p), devicePrefix) }

const devicePrefix = "device:"

// Type is what the store says that a file is. Its numbers are stored.
type Type uint8

// The types. Special is all that has no bytes of its own: pipes, sockets, devices.
const (
	Regular Type = iota
	Symlink
	Special
)

// Proof is how a file's Content became known. Its numbers are stored.
type Proof uint8

// The proofs.
const (
	Unknown  Proof = iota // there is no Content
	Kept                  // it was proven for a version that a move or a chmod has ended: probable, to be read again
	Read                  // all bytes were read
	Stored                // sd has stored the BLAKE3 with the object
	Checksum              // the provider's checksum is that of a proven copy
	Passed                // all bytes passed through the mount or a copy
)

// Proven tells whether the file can stand for its Content.
func (p Proof) Proven() bool { return p >= Read }

// Key is the number of a Content in this library. Keys are nearly in the order of the
// content ids. 0: none.
type Key int64

// keyBits is as much as SQLite keeps in six bytes, with the sign.
const keyBits = 47

// KeyOf returns the first Key that a Content of that id can have. Most have it; see EachContent.
func KeyOf(id uuid.UUID) Key {
	k := Key(binary.BigEndian.Uint64(id[:8]) >> (64 - keyBits))
	if k == 0 {
		return 1
	}
	return k
}

func (k Key) next() Key {
	if k = (k + 1) & (1<<keyBits - 1); k == 0 {
		return 1
	}
	return k
}

// File is what is known of a file, and of any other entry that is no folder.
type File struct {
	Name    string
	Type    Type
	Kind    Kind
	Size    int64  // bytes
	ModTime int64  // nanoseconds since 1970
	Version string // opaque: identity.LocalVersion, or the provider's
	Sums    string // the provider's checksums, "md5:hex" a line; "" none

	Content Key
	Proof   Proof
	Hint    uint64 // files of one hint are probable copies: a fingerprint, or a digest of a provider's checksum; 0 none
}

// FileVersion is what tells that a file is still the same.
type FileVersion struct {
	Size, ModTime int64
	Version       string
}

// FileVersion returns the version that f is about.
func (f *File) FileVersion() FileVersion { return FileVersion{f.Size, f.ModTime, f.Version} }

// Folder is what is known of a folder.
type Folder struct {
	ID, Parent FolderID // no Parent: the top of a place
	Name       string   // "" at the top of a place
	ModTime    int64    // nanoseconds since 1970
	Version    string
	Listed     bool // all that it holds was read once
}

// Content is what bytes some file was proven to have.
type Content struct {
	Key    Key
	BLAKE3 identity.Sum
	Size   int64          // bytes
	Print  identity.Print // 0 where the content is so small that a fingerprint reads all of it
}

// ID returns the content's name everywhere.
func (c Content) ID() uuid.UUID { return c.BLAKE3.ContentID() }

// Copy is a file with its whole path.
type Copy struct {
	Place  Place
	Folder FolderID
	Path   string // below the place, no slash at either end: "home/ann/a.pdf"
	File   File
}

// Counts says how much there is.
type Counts struct {
	Folders int64
	Files   int64 // of all types
	Bytes   int64 // of regular files
	Proven  int64 // files whose content is proven

	Unproven, UnprovenBytes int64 // regular files with bytes whose content is not
}

// Fresh is a change that the name pack does not have.
type Fresh struct {
	Folder FolderID
	Name   string // the file
	All    bool   // the folder itself (made, changed, moved, gone) and all its files
}
