package fs

import (
	"context"
	"syscall"
	"testing"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"sd/backends"
)

// Equal identities are one file to the kernel, so each has 126 bits of its own.
func TestIdentities(t *testing.T) {
	a, b := &store{key: "a"}, &store{key: "b"}
	dir := &backends.Entry{Kind: backends.Dir}
	file := func(version string) *backends.Entry { return &backends.Entry{Version: version} }
	seen := map[fusefs.StableAttr]string{}
	gens := map[uint64]string{}
	for what, id := range map[string]fusefs.StableAttr{
		"root": a.identity("", dir), "folder": a.identity("x", dir), "another folder": a.identity("y", dir),
		"folder of another volume": b.identity("x", dir), "version 1": a.identity("f", file("1")), "version 2": a.identity("f", file("2")),
		"no version": a.identity("f", file("")), "version 1 of another file": a.identity("g", file("1")),
	} {
		if other := seen[id]; other != "" {
			t.Errorf("%s is %s", what, other)
		}
		if other := gens[id.Gen]; other != "" || id.Gen == 0 {
			t.Errorf("%s has the generation %d of %q", what, id.Gen, other)
		}
		if id.Ino&inoCloud == 0 || id.Ino>>63 != 0 || id.Ino&(inoCloud-1) == id.Gen&(inoCloud-1) {
			t.Errorf("%s has the number %x and generation %x", what, id.Ino, id.Gen)
		}
		seen[id], gens[id.Gen] = what, what
	}
	if a.identity("f", file("1")).Ino != a.identity("f", file("2")).Ino {
		t.Error("another version has another inode number")
	}
	if a.identity("x", dir) != a.identity("x", &backends.Entry{Kind: backends.Dir, Version: "1"}) {
		t.Error("a folder's identity depends on a version")
	}
}

// What hangs nowhere has no URI, and is no place to look anything up.
func TestNodesWithoutAName(t *testing.T) {
	s := &store{uri: "s3://bucket/"}
	s.root = &objectNode{store: s, entry: backends.Entry{Kind: backends.Dir}}
	n := &objectNode{store: s, entry: backends.Entry{Version: "1"}}
	dest := make([]byte, 100)
	if n, errno := n.Getxattr(context.Background(), uriAttr, dest); errno != noAttr {
		t.Errorf("user.sd.uri: %q, %v, want ENODATA", dest[:n], errno)
	}
	if n, errno := n.Getxattr(context.Background(), "user.sd.etag", dest); errno != 0 || string(dest[:n]) != "1" {
		t.Errorf("user.sd.etag: %q, %v", dest[:n], errno)
	}
	if _, errno := n.Lookup(context.Background(), "x", nil); errno != syscall.ESTALE {
		t.Errorf("lookup: %v, want ESTALE", errno)
	}
	if n, errno := s.root.Getxattr(context.Background(), uriAttr, dest); errno != 0 || string(dest[:n]) != "s3://bucket/" {
		t.Errorf("user.sd.uri of the volume: %q, %v", dest[:n], errno)
	}
}
