package rclone

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"sd/backends"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/hash"
)

// sums are the checksums of rclone that we have words for, the strongest first.
var sums = []struct {
	rclone string
	ours   string
}{
	{"sha256", "sha256"}, {"dropbox", "dropbox"}, {"sha1", "sha1"}, {"md5", "md5"}, {"quickxor", "quickxor"}, {"crc32", "crc32"},
}

// hashesOf returns the checksums that o has at hand; asking for them costs no request.
func hashesOf(ctx context.Context, o fs.ObjectInfo) (all []backends.Sum) {
	f, ok := o.Fs().(fs.Fs)
	if ok && f.Features().SlowHash {
		return nil
	}
	has := o.Fs().Hashes()
	for _, s := range sums {
		t := hashType(s.rclone)
		if t == hash.None || !has.Contains(t) {
			continue
		}
		if h, err := o.Hash(ctx, t); err == nil && h != "" {
			all = append(all, backends.Sum{Algorithm: s.ours, Hex: h})
		}
	}
	return all
}

func hashType(name string) hash.Type {
	var t hash.Type
	if err := t.Set(name); err != nil {
		return hash.None
	}
	return t
}

func idOf(e any) string {
	if i, ok := e.(fs.IDer); ok {
		return i.ID()
	}
	return ""
}

// describe makes the Entry of a file. Asking o for its time costs no request but where the
// type of remote has no other way.
func describe(ctx context.Context, name string, o fs.ObjectInfo) backends.Entry {
	e := backends.Entry{Name: name, ID: idOf(o), Size: o.Size(), ModTime: o.ModTime(ctx)}
	if e.Size < 0 {
		return backends.Entry{Name: name, ID: e.ID, ModTime: e.ModTime, Unsized: true, Meta: readOnly}
	}
	e.Sums = hashesOf(ctx, o)
	e.Version = version(e)
	return e
}

// readOnly is what a document carries.
var readOnly = &backends.Meta{Mode: 0o100444}

// version names the bytes of e as well as can be.
func version(e backends.Entry) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n", e.ID, e.Size)
	if len(e.Sums) > 0 {
		fmt.Fprintf(h, "%s %s\n", e.Sums[0].Algorithm, e.Sums[0].Hex)
	}
	if len(e.Sums) == 0 || !strong(e.Sums[0].Algorithm) {
		fmt.Fprintf(h, "%d\n", e.ModTime.UnixNano())
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func strong(algorithm string) bool {
	switch algorithm {
	case "sha256", "dropbox", "sha1", "md5":
		return true
	}
	return false
}

// folder makes the Entry of a folder.
func folder(name string, modified time.Time) backends.Entry {
	return backends.Entry{Name: name, Kind: backends.Dir, ModTime: modified}
}
