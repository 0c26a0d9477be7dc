package fs

import (
	"context"
	"syscall"
	"testing"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"sd/backends"
)

// Equal identities are one file to the kernel, so no two may ever be equal.
func TestIdentities(t *testing.T) {
	a, b := &store{key: "a"}, &store{key: "b"}
	file := func(s *store, name, version string) fusefs.StableAttr {
		return s.newObject("", name, backends.Entry{Version: version}).identity()
	}
	seen := map[fusefs.StableAttr]string{}
	for what, id := range map[string]fusefs.StableAttr{
		"root": a.folders.identity("a", ""), "folder": a.folders.identity("a", "x"), "another folder": a.folders.identity("a", "y"),
		"folder of another volume": b.folders.identity("b", "x"), "version 1": file(a, "f", "1"), "version 2": file(a, "f", "2"),
		"no version": file(a, "f", ""), "version 1 of another file": file(a, "g", "1"), "of another volume": file(b, "f", "1"),
	} {
		if other := seen[id]; other != "" {
			t.Errorf("%s is %s", what, other)
		}
		if id.Ino&inoCloud == 0 || id.Ino>>63 != 0 || id.Gen == 0 {
			t.Errorf("%s has the number %x and generation %x", what, id.Ino, id.Gen)
		}
		seen[id] = what
	}
	if file(a, "f", "1").Ino != file(a, "f", "2").Ino {
		t.Error("another version has another inode number")
	}
	before := a.folders.identity("a", "x")
	if a.folders.left("x"); a.folders.identity("a", "x") == before {
		t.Error("a folder that takes the name of a renamed one is that one")
	}
}

// An object stays itself through our own versions, and becomes another by others'.
func TestObjectsOfAName(t *testing.T) {
	s := &store{key: "a"}
	at := func(version string) *object { return s.object("d", "f", &backends.Entry{Name: "f", Version: version}) }
	o := at("1")
	if at("1") != o {
		t.Error("the same version is another object")
	}
	o.mu.Lock()
	o.replaced(backends.Entry{Name: "d/f", Version: "2"})
	o.mu.Unlock()
	if at("2") != o || at("1") != o {
		t.Error("what was written here, or a late reply about what was before, makes another object")
	}
	other := at("3")
	if other == o {
		t.Error("somebody else's version is the same object")
	}
	if _, _, ok := o.place(); ok {
		t.Error("the object that was overtaken has its name still")
	}
	s.objects.move(other, "e", "g")
	if s.objects.find("d/f") != nil || s.objects.find("e/g") != other {
		t.Error("a renamed object is not found by its new name alone")
	}
}

// What hangs nowhere has no URI, and is no place to look anything up.
func TestNodesWithoutAName(t *testing.T) {
	s := &store{uri: "s3://bucket/"}
	s.root = &objectNode{store: s}
	n := &objectNode{store: s, obj: s.newObject("", "x", backends.Entry{Version: "1"})}
	n.obj.gone = true
	dest := make([]byte, 100)
	if n, errno := n.Getxattr(context.Background(), uriAttr, dest); errno != noAttr {
		t.Errorf("user.sd.uri: %q, %v, want ENODATA", dest[:n], errno)
	}
	if n, errno := n.Getxattr(context.Background(), etagAttr, dest); errno != 0 || string(dest[:n]) != "1" {
		t.Errorf("user.sd.etag: %q, %v", dest[:n], errno)
	}
	if _, errno := (&objectNode{store: s}).Lookup(context.Background(), "x", nil); errno != syscall.ESTALE {
		t.Errorf("lookup: %v, want ESTALE", errno)
	}
	if n, errno := s.root.Getxattr(context.Background(), uriAttr, dest); errno != 0 || string(dest[:n]) != "s3://bucket/" {
		t.Errorf("user.sd.uri of the volume: %q, %v", dest[:n], errno)
	}
}
