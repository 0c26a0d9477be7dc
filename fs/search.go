package fs

import (
	"context"
	"encoding/binary"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/cache"
	"sd/sdpath"
)

const (
	maxHits     = 1000             // in the folder of a query
	freshHits   = 2 * time.Second  // how long they are believed
	hitTimeout  = 10 * time.Second // how long the kernel may remember where a hit leads
	slowestHits = 10 * time.Second // how long a query may take
)

// searchFunc is Config.Search.
type searchFunc func(ctx context.Context, query string, limit int, yield func(name string, target sdpath.Path) error) error

// searchDir is search/. Any name in it is a query, and a folder of what it finds. It lists
// none: else programs that walk the whole mount would ask all of them again.
type searchDir struct {
	fusefs.Inode
	readOnly
	tree   *tree
	search searchFunc
}

// queryDir is the folder of a query: a symbolic link into the tree for each hit.
type queryDir struct {
	fusefs.Inode
	readOnly
	search *searchDir
	query  string
	turn   chan struct{} // held while the query runs

	mu   sync.Mutex
	at   time.Time // when hits were found
	hits *hits
}

// hits are what a query has found. They are never changed.
type hits struct {
	names   []string // the best first
	targets map[string]string
}

// hitNode is a link to a hit.
type hitNode struct {
	fusefs.Inode
	readOnly
	tree   *tree
	target string
}

func (d *searchDir) fillAttr(a *fuse.Attr) { d.tree.privateAttr(a, d.tree.started) }

// Getattr describes the folder.
func (d *searchDir) Getattr(ctx context.Context, f fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	d.fillAttr(&out.Attr)
	out.SetTimeout(fixedTimeout)
	return 0
}

// Lookup gives the folder of a query, which is not asked yet. A name that begins with a dot,
// or that desktops look for in every folder, is no query.
func (d *searchDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	if strings.HasPrefix(name, ".") || isLitter(name) {
		return nil, syscall.ENOENT
	}
	q := &queryDir{search: d, query: name, turn: make(chan struct{}, 1)}
	d.tree.privateAttr(&out.Attr, time.Now())
	out.SetEntryTimeout(hitTimeout)
	out.SetAttrTimeout(0) // of the one that is there already, perhaps
	return d.NewInode(ctx, q, searchIdentity(syscall.S_IFDIR, name, "")), 0
}

// searchIdentity numbers a folder or a link of search/ by what it stands for.
func searchIdentity(mode uint32, query, target string) fusefs.StableAttr {
	id := cache.NewID("\x00search", query, target)
	return fusefs.StableAttr{
		Mode: mode,
		Ino:  inoCloud | binary.LittleEndian.Uint64(id[:8])&(inoCloud-1),
		Gen:  binary.LittleEndian.Uint64(id[8:]),
	}
}

// Readdir lists nothing.
func (d *searchDir) Readdir(ctx context.Context) (fusefs.DirStream, syscall.Errno) {
	return fusefs.NewListDirStream(dotEntries()), 0
}

func dotEntries() []fuse.DirEntry {
	return []fuse.DirEntry{{Name: ".", Mode: syscall.S_IFDIR}, {Name: "..", Mode: syscall.S_IFDIR}}
}

// Statfs says that the folder holds nothing and has no room.
func (d *searchDir) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	return fixedStatfs(out)
}

// Getattr describes the folder. The kernel keeps a listing for as long as the mtime stays:
// that is when the query was answered, and now once the answer is too old.
func (q *queryDir) Getattr(ctx context.Context, f fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	q.mu.Lock()
	at := q.at
	q.mu.Unlock()
	if now := time.Now(); now.Sub(at) > freshHits {
		at = now
	}
	q.search.tree.privateAttr(&out.Attr, at)
	return 0
}

// answer gives what the query finds, by a search that is no older than freshHits.
func (q *queryDir) answer(ctx context.Context) (*hits, syscall.Errno) {
	ctx, cancel := patient(ctx)
	defer cancel()
	select {
	case q.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, syscall.EINTR
	}
	defer func() { <-q.turn }()
	q.mu.Lock()
	known, at := q.hits, q.at
	q.mu.Unlock()
	if known != nil && time.Since(at) < freshHits {
		return known, 0
	}
	ctx, end := context.WithTimeout(ctx, slowestHits)
	defer end()
	found := &hits{targets: make(map[string]string)}
	next := make(map[string]int) // by name, the number that its next namesake gets
	err := q.search.search(ctx, q.query, maxHits, func(name string, p sdpath.Path) error {
		found.add(name, "../../"+sdpath.Mount(p), next)
		return nil
	})
	if err != nil {
		return nil, q.search.tree.fail("search", "search/"+q.query, err)
	}
	q.mu.Lock()
	q.hits, q.at = found, time.Now()
	q.mu.Unlock()
	return found, 0
}

// add takes a hit in, under a name that no other has: a second one is "name (2).ext".
func (h *hits) add(name, target string, next map[string]int) {
	shown := fitting(name, "")
	for n := max(next[shown], 2); h.targets[shown] != ""; n++ {
		shown = fitting(name, " ("+strconv.Itoa(n)+")")
		next[fitting(name, "")] = n + 1
	}
	h.names = append(h.names, shown)
	h.targets[shown] = target
}

// fitting is name as a file can be called, with more put before its extension.
func fitting(name, more string) string {
	if strings.Contains(name, "/") || strings.Contains(name, "\x00") || name == "" || name == "." || name == ".." || len(name) > sdpath.MaxName {
		name = sdpath.Escape(name)
	}
	ext := filepath.Ext(name)
	if len(ext) > 16 || len(ext) == len(name) {
		ext = ""
	}
	base := name[:len(name)-len(ext)]
	if room := sdpath.MaxName - len(ext) - len(more); len(base) > room {
		base = strings.ToValidUTF8(base[:room], "")
	}
	return base + more + ext
}

// Lookup gives the link to a hit.
func (q *queryDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	found, errno := q.answer(ctx)
	if errno != 0 {
		return nil, errno
	}
	target, ok := found.targets[name]
	if !ok {
		return nil, syscall.ENOENT
	}
	l := &hitNode{tree: q.search.tree, target: target}
	l.fillAttr(&out.Attr)
	out.SetEntryTimeout(hitTimeout)
	out.SetAttrTimeout(contentTimeout)
	return q.NewInode(ctx, l, searchIdentity(syscall.S_IFLNK, q.query, target)), 0
}

// Readdir lists the hits, the best first.
func (q *queryDir) Readdir(ctx context.Context) (fusefs.DirStream, syscall.Errno) {
	found, errno := q.answer(ctx)
	if errno != 0 {
		return nil, errno
	}
	entries := dotEntries()
	for _, name := range found.names {
		ino := searchIdentity(syscall.S_IFLNK, q.query, found.targets[name]).Ino
		entries = append(entries, fuse.DirEntry{Name: name, Mode: syscall.S_IFLNK, Ino: ino})
	}
	return fusefs.NewListDirStream(entries), 0
}

// Statfs is that of search/.
func (q *queryDir) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	return fixedStatfs(out)
}

func (l *hitNode) fillAttr(a *fuse.Attr) {
	a.Mode = syscall.S_IFLNK | linkMode
	a.Nlink = 1
	a.Size = uint64(len(l.target))
	l.tree.common(a, time.Time{})
}

// Getattr describes the link.
func (l *hitNode) Getattr(ctx context.Context, f fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	l.fillAttr(&out.Attr)
	out.SetTimeout(contentTimeout)
	return 0
}

// Readlink gives the hit's place in the tree.
func (l *hitNode) Readlink(ctx context.Context) ([]byte, syscall.Errno) { return []byte(l.target), 0 }

var _ interface {
	fusefs.NodeGetattrer
	fusefs.NodeLookuper
	fusefs.NodeReaddirer
	fusefs.NodeStatfser
} = (*searchDir)(nil)

var _ interface {
	fusefs.NodeGetattrer
	fusefs.NodeLookuper
	fusefs.NodeReaddirer
	fusefs.NodeStatfser
} = (*queryDir)(nil)

var _ interface {
	fusefs.NodeGetattrer
	fusefs.NodeReadlinker
} = (*hitNode)(nil)
