// Package compare says which files of two trees are the same: it joins two walks by name
// (Merge), leaves out what the user's patterns leave out (Filter), and judges a pair by what is
// known without reading (Judge), or by a checksum that the provider gives away (BySums).
package compare

import (
	"strings"
	"time"

	"sd/actions/stores"
	"sd/identity"
)

// Verdict tells how two files compare.
type Verdict uint8

// The verdicts. Who is about to overwrite takes Unknown for Different.
const (
	Unknown Verdict = iota
	Same
	Different
)

// String is the verdict in a word.
func (v Verdict) String() string {
	return [...]string{"unknown", "same", "different"}[v]
}

// objectTime is how exactly objects hold times: other programs cut what they store with an
// object to microseconds.
const objectTime = time.Microsecond

// Judge compares by what is known of the two files alone; it reads nothing. Window is how far
// times may be apart that mean the same, see Window.
//
//   - Files of unlike kind or size differ; empty ones are the same.
//   - Where both are proven their BLAKE3 decides, whatever their times. An equal strong checksum of the
//     provider says that they are the same; an unequal one nothing, for it may be of parts.
//   - Where both have times of their own these decide: equal is the same, else they differ.
//   - Links are the same if they point to the same.
//   - Else, as with an object that some other program has written, it is Unknown.
func Judge(a, b *stores.Entry, window time.Duration) Verdict {
	switch {
	case a.Kind != b.Kind:
		// A link in a volume is a file until somebody has asked what it carries.
		if a.Kind == stores.Symlink && mayBeLink(b) || b.Kind == stores.Symlink && mayBeLink(a) {
			return Unknown
		}
		return Different
	case a.Kind == stores.Dir:
		return Same
	case a.Kind == stores.Symlink:
		if a.Link == "" || b.Link == "" {
			return Unknown
		}
		return verdict(a.Link == b.Link)
	case a.Kind != stores.File:
		return Different
	case a.Size != b.Size:
		return Different
	case a.Size == 0 && !mayBeLink(a) && !mayBeLink(b):
		return Same
	case a.Proven && b.Proven:
		return verdict(a.Sum == b.Sum)
	case equalSums(a, b):
		return Same
	case a.TimeKnown && b.TimeKnown:
		if isObject(a) || isObject(b) {
			window = max(window, objectTime)
		}
		return verdict(a.ModTime.Equal(b.ModTime) || a.ModTime.Sub(b.ModTime).Abs() < window)
	}
	return Unknown
}

func verdict(same bool) Verdict {
	if same {
		return Same
	}
	return Different
}

// IsProven tells whether the two are proven to hold the same bytes, which Judge does not
// promise: it believes times.
func IsProven(a, b *stores.Entry) bool {
	return a.Proven && b.Proven && a.Sum == b.Sum && a.Sum != (identity.Sum{}) || equalSums(a, b)
}

// equalSums tells whether a strong checksum is the same for both.
func equalSums(a, b *stores.Entry) bool {
	if a.Size != b.Size || a.Kind != stores.File || b.Kind != stores.File || a.Proven && b.Proven {
		return false
	}
	for _, x := range a.Sums {
		for _, y := range b.Sums {
			if x.Algorithm == y.Algorithm && x.Hex != "" && strings.EqualFold(x.Hex, y.Hex) && identity.Strong(x.Algorithm) {
				return true
			}
		}
	}
	return false
}

// isObject tells that e lies in a volume, or is a content.
func isObject(e *stores.Entry) bool { return e.Inode == 0 && e.Dev == 0 }

// mayBeLink tells that e may turn out to be a link once it is known what it carries. An empty
// object is none: the bytes of a link are its target.
func mayBeLink(e *stores.Entry) bool {
	return isObject(e) && e.Kind == stores.File && e.Size > 0 && e.Meta == nil && !e.Proven
}

// Window returns how far apart the times of two files may be that are meant to be equal, given
// the types of the file systems that hold them, or the services of volumes: it is that of the one
// with the coarser times.
func Window(types ...string) time.Duration {
	var w time.Duration
	for _, t := range types {
		w = max(w, windows[strings.ToLower(t)])
	}
	return w
}

// windows are the steps of the file systems and services whose times are coarser than a
// microsecond.
var windows = map[string]time.Duration{
	"gdrive": time.Millisecond, "onedrive": time.Second, "dropbox": time.Second, "rclone": time.Second,
	"vfat": 2 * time.Second, "msdos": 2 * time.Second, "exfat": 2 * time.Second, "fuse.exfat": 2 * time.Second,
	"hfs": time.Second, "hfsplus": time.Second, "ext2": time.Second, "ext3": time.Second, "reiserfs": time.Second,
	"iso9660": time.Second, "minix": time.Second, "fuse.sshfs": time.Second, "davfs": time.Second, "fuse.davfs2": time.Second,
}
