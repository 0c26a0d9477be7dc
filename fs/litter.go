package fs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/sdpath"
)

// Desktops leave files with their own notes in every folder. On volumes those go to
// an overlay on the local disk, and never to a provider: OverlayDir/<volume>, in which
// a folder of the volume is one whose name begins with "+". What a provider has of
// such names is shown all the same, beneath.

// isLitter tells whether a name is that of a desktop's notes.
func isLitter(name string) bool {
	switch strings.ToLower(name) {
	case ".ds_store", "thumbs.db", "desktop.ini", ".directory":
		return true
	}
	return strings.HasPrefix(name, "._")
}

// litterDir is where the overlay has what belongs into a folder.
func (t *tree) litterDir(volume, dir string) string {
	path := filepath.Join(t.overlay, volume)
	if dir == "" {
		return path
	}
	for _, seg := range sdpath.SplitKey(dir) {
		name := "+" + sdpath.Escape(seg)
		if len(name) > sdpath.MaxName {
			sum := sha256.Sum256([]byte(seg))
			name = "+%#" + hex.EncodeToString(sum[:])
		}
		path = filepath.Join(path, name)
	}
	return path
}

func (n *objectNode) litterPath(dir, name string) string {
	return filepath.Join(n.store.litterDir(dir), name)
}

// litterDir is where the overlay has what belongs into a folder of s.
func (s *store) litterDir(dir string) string { return s.tree.litterDir(s.key, s.folding.of(dir)) }

// lookupLitter finds a name in the overlay.
func (n *objectNode) lookupLitter(ctx context.Context, dir, name string, out *fuse.EntryOut) (*fusefs.Inode, bool) {
	if n.store.tree.overlay == "" {
		return nil, false
	}
	info, err := os.Lstat(n.litterPath(dir, name))
	if err != nil || !info.Mode().IsRegular() {
		return nil, false
	}
	return n.litterChild(ctx, dir, name, info, out), true
}

func (n *objectNode) litterChild(ctx context.Context, dir, name string, info os.FileInfo, out *fuse.EntryOut) *fusefs.Inode {
	c := &litterNode{store: n.store}
	c.fillAttr(info, &out.Attr)
	out.SetEntryTimeout(fixedTimeout)
	out.SetAttrTimeout(fixedTimeout)
	return n.NewInode(ctx, c, n.litterIdentity(dir, name, info))
}

// litterIdentity follows the file itself, which may be renamed.
func (n *objectNode) litterIdentity(dir, name string, info os.FileInfo) fusefs.StableAttr {
	what := join(dir, name)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		what = fmt.Sprint(st.Ino)
	}
	return fusefs.StableAttr{Mode: syscall.S_IFREG, Ino: cloudIno(n.store.key, "litter\x00"+what), Gen: 1}
}

// litterNames lists what the overlay has in a folder, of names for which show is true.
func (n *objectNode) litterNames(dir string, show func(name string) bool) []string {
	names := []string{}
	if n.store.tree.overlay == "" {
		return names
	}
	entries, _ := os.ReadDir(n.store.litterDir(dir))
	for _, e := range entries {
		if e.Type().IsRegular() && isLitter(e.Name()) && show(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

// createLitter makes a file in the overlay.
func (n *objectNode) createLitter(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	dir, ok := n.name()
	switch {
	case !ok:
		return nil, nil, 0, syscall.ESTALE
	case n.store.tree.overlay == "" || n.store.tree.readOnly:
		return nil, nil, 0, syscall.EROFS
	}
	path := n.litterPath(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, 0, fusefs.ToErrno(err)
	}
	asked, umask := splitMode(mode)
	f, err := os.OpenFile(path, int(flags)&^syscall.O_APPEND|os.O_CREATE, os.FileMode(asked&^umask)&os.ModePerm|0o600)
	if err != nil {
		return nil, nil, 0, fusefs.ToErrno(err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, 0, fusefs.ToErrno(err)
	}
	return n.litterChild(ctx, dir, name, info, out), &litterFile{f}, 0, 0
}

// removeLitter removes a name from the overlay, and tells whether that was all there
// was of it.
func (n *objectNode) removeLitter(dir, name string) bool {
	if n.store.tree.overlay == "" || os.Remove(n.litterPath(dir, name)) != nil {
		return false
	}
	_, err := n.known(dir, name)
	return err != nil
}

// renameLitter renames inside the overlay. Between it and the provider a file is
// copied, by who renames it (EXDEV). done is false where none of it is litter.
func (n *objectNode) renameLitter(dir, name, newDir, newName string, noReplace bool) (done bool, errno syscall.Errno) {
	from := n.litterPath(dir, name)
	info, err := os.Lstat(from)
	here := n.store.tree.overlay != "" && err == nil && info.Mode().IsRegular()
	if !here && !isLitter(newName) {
		return false, 0
	}
	if ch := n.GetChild(name); !here && ch != nil && ch.IsDir() {
		return false, 0 // a folder may have any name
	}
	if !here || !isLitter(newName) {
		return true, syscall.EXDEV
	}
	to := n.litterPath(newDir, newName)
	if _, err := os.Lstat(to); err == nil && noReplace {
		return true, syscall.EEXIST
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return true, fusefs.ToErrno(err)
	}
	return true, fusefs.ToErrno(os.Rename(from, to))
}

// dropLitter removes what the overlay has in and below a folder that is removed.
func (s *store) dropLitter(dir string) {
	if s.tree.overlay != "" {
		_ = os.RemoveAll(s.litterDir(dir))
	}
}

// moveLitter follows a renamed folder.
func (s *store) moveLitter(from, to string) {
	old, dir := s.litterDir(from), s.litterDir(to)
	if s.tree.overlay == "" || old == dir {
		return
	}
	if _, err := os.Lstat(old); err != nil {
		return
	}
	_ = os.RemoveAll(dir)
	if os.MkdirAll(filepath.Dir(dir), 0o700) == nil {
		_ = os.Rename(old, dir)
	}
}

// litterNode is a file of the overlay.
type litterNode struct {
	fusefs.Inode
	store *store
}

// path is where the file lies now; false if it has no name any more.
func (l *litterNode) path() (string, bool) {
	name, parent := l.Parent()
	if parent == nil {
		return "", false
	}
	n, ok := parent.Operations().(*objectNode)
	if !ok {
		return "", false
	}
	dir, ok := n.name()
	return n.litterPath(dir, name), ok
}

func (l *litterNode) fillAttr(info os.FileInfo, a *fuse.Attr) {
	a.Mode = syscall.S_IFREG | uint32(info.Mode().Perm())
	a.Nlink = 1
	a.Size = uint64(info.Size())
	l.store.tree.common(a, info.ModTime())
}

// Getattr describes the file.
func (l *litterNode) Getattr(ctx context.Context, f fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	info, errno := l.stat(f)
	if errno == 0 {
		l.fillAttr(info, &out.Attr)
		out.SetTimeout(fixedTimeout)
	}
	return errno
}

func (l *litterNode) stat(f fusefs.FileHandle) (os.FileInfo, syscall.Errno) {
	if h, ok := f.(*litterFile); ok {
		info, err := h.file.Stat()
		return info, fusefs.ToErrno(err)
	}
	path, ok := l.path()
	if !ok {
		return nil, syscall.ESTALE
	}
	info, err := os.Lstat(path)
	return info, fusefs.ToErrno(err)
}

// Setattr changes size, mode and times; everything has one owner.
func (l *litterNode) Setattr(ctx context.Context, f fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	path, ok := l.path()
	if !ok {
		return syscall.ESTALE
	}
	if size, ok := in.GetSize(); ok {
		if err := os.Truncate(path, int64(size)); err != nil {
			return fusefs.ToErrno(err)
		}
	}
	if mode, ok := in.GetMode(); ok {
		if err := os.Chmod(path, os.FileMode(mode)&os.ModePerm); err != nil {
			return fusefs.ToErrno(err)
		}
	}
	if mtime, ok := in.GetMTime(); ok {
		if err := os.Chtimes(path, mtime, mtime); err != nil {
			return fusefs.ToErrno(err)
		}
	}
	return l.Getattr(ctx, f, out)
}

// Open opens the file.
func (l *litterNode) Open(ctx context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	path, ok := l.path()
	if !ok {
		return nil, 0, syscall.ESTALE
	}
	f, err := os.OpenFile(path, int(flags)&^syscall.O_APPEND, 0)
	if err != nil {
		return nil, 0, fusefs.ToErrno(err)
	}
	return &litterFile{f}, 0, 0
}

// Getxattr answers user.sd.uri and user.sd.state.
func (l *litterNode) Getxattr(ctx context.Context, attr string, dest []byte) (uint32, syscall.Errno) {
	switch attr {
	case uriAttr:
		if name, parent := l.Parent(); parent != nil {
			if n, ok := parent.Operations().(*objectNode); ok {
				if dir, ok := n.name(); ok {
					return answerXattr(l.store.uri+join(dir, name), dest)
				}
			}
		}
	case stateAttr:
		return answerXattr("local", dest)
	}
	return 0, noAttr
}

// litterFile is an open file of the overlay.
type litterFile struct{ file *os.File }

// Read reads.
func (f *litterFile) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return fuse.ReadResultFd(f.file.Fd(), off, len(dest)), 0
}

// Write writes.
func (f *litterFile) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	n, err := f.file.WriteAt(data, off)
	return uint32(n), fusefs.ToErrno(err)
}

// Fsync has the bytes on the disk.
func (f *litterFile) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	return fusefs.ToErrno(f.file.Sync())
}

// Release closes the file.
func (f *litterFile) Release(ctx context.Context) syscall.Errno {
	return fusefs.ToErrno(f.file.Close())
}

// releaseLitter closes a handle of a file of the overlay.
func releaseLitter(ctx context.Context, f fusefs.FileHandle) syscall.Errno {
	if l, ok := f.(*litterFile); ok {
		return l.Release(ctx)
	}
	return 0
}

var _ interface {
	fusefs.NodeGetattrer
	fusefs.NodeSetattrer
	fusefs.NodeOpener
	fusefs.NodeGetxattrer
} = (*litterNode)(nil)

var _ interface {
	fusefs.FileReader
	fusefs.FileWriter
	fusefs.FileFsyncer
	fusefs.FileReleaser
} = (*litterFile)(nil)
