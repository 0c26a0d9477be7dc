package rclone

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"
	"sync"
	"time"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/rclone/rclone/fs"
)

// place is where a file or folder lies: a path within a file system of rclone's. It is another
// file system than the root's only below a folder that has a twin.
type place struct {
	fs   fs.Fs
	path string
}

func (p place) child(leaf string) place { return place{p.fs, join(p.path, leaf)} }

// child is one entry of a folder.
type child struct {
	label  string // its name here
	leaf   string // its name there
	id     string
	dir    fs.Directory // or else
	file   fs.Object
	place  place
	shared bool // others may be reading file, so that it must not be changed
}

func (c *child) entry(ctx context.Context, name string) backends.Entry {
	if c.dir != nil {
		e := folder(name, c.dir.ModTime(ctx))
		e.ID = c.id
		return e
	}
	e := describe(ctx, name, c.file)
	e.Name = name
	return e
}

// byList tells whether new names are found in listings of their folders, because only those
// show twins and the case of names.
func (s *store) byList() bool { return s.habits.twins || s.habits.folds }

// tree remembers for a moment where folders lie.
type tree struct {
	mu   sync.Mutex
	conn *conn
	dirs map[string]knownDir // by key
}

type knownDir struct {
	name  string // in the case of the service
	place place
	at    time.Time
}

// knows is how long a folder is believed to be where it was seen.
const knows = 10 * time.Second

func (t *tree) get(c *conn, key string) (knownDir, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d, ok := t.dirs[key]
	return d, ok && t.conn == c && time.Since(d.at) < knows
}

func (t *tree) put(c *conn, key string, d knownDir) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn != c || len(t.dirs) > 50_000 {
		t.conn, t.dirs = c, map[string]knownDir{}
	}
	d.at = time.Now()
	t.dirs[key] = d
}

// forget drops what is known of a folder and of all below it.
func (t *tree) forget(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k := range t.dirs {
		if key == "" || k == key || below(k, key) {
			delete(t.dirs, k)
		}
	}
}

// folder finds a folder. A file in its place is ErrNotDir.
func (s *store) folder(ctx context.Context, c *conn, name string) (place, error) {
	if name == "" {
		return place{c.fs, ""}, nil
	}
	if d, ok := s.tree.get(c, s.key(name)); ok {
		return d.place, nil
	}
	found, err := s.find(ctx, c, name)
	switch {
	case err != nil:
		return place{}, err
	case found.dir == nil:
		return place{}, backends.ErrNotDir
	}
	return found.place, nil
}

// list reads a folder and remembers the folders in it.
func (s *store) list(ctx context.Context, c *conn, name string) ([]child, error) {
	at, err := s.folder(ctx, c, name)
	if err != nil {
		return nil, err
	}
	return s.listAt(ctx, c, name, at)
}

func (s *store) listAt(ctx context.Context, c *conn, name string, at place) ([]child, error) {
	var children []child
	take := func(entries fs.DirEntries) error {
		for _, e := range entries {
			leaf := strings.TrimPrefix(strings.TrimPrefix(e.Remote(), at.path), "/")
			if leaf == "" || strings.Contains(leaf, "/") {
				continue
			}
			ch := child{label: leaf, leaf: leaf, id: idOf(e), place: at.child(leaf)}
			switch e := e.(type) {
			case fs.Directory:
				ch.dir = e
			case fs.Object:
				ch.file = e
			default:
				continue
			}
			children = append(children, ch)
		}
		rest.Progress(ctx)
		return nil
	}
	at, err := s.here(c, at)
	if err != nil {
		return nil, err
	}
	if listP := at.fs.Features().ListP; listP != nil {
		err = listP(ctx, at.path, take)
	} else {
		var entries fs.DirEntries
		if entries, err = at.fs.List(ctx, at.path); err == nil {
			err = take(entries)
		}
	}
	if errors.Is(err, fs.ErrorDirNotFound) && name == "" && !c.features.CanHaveEmptyDirectories {
		err = nil // an empty bucket
	}
	if err != nil {
		s.tree.forget(s.key(name))
		return nil, err
	}
	if s.habits.twins {
		label(children)
		if err := s.rootTwins(c, children); err != nil {
			return nil, err
		}
	}
	for i := range children {
		ch := &children[i]
		full := join(name, ch.label)
		switch {
		case ch.dir != nil:
			s.tree.put(c, s.key(full), knownDir{name: full, place: ch.place})
		case s.byList():
			s.remember(full, describe(ctx, full, ch.file), ch)
		}
	}
	return children, nil
}

// rootTwins gives each folder that has a twin a file system of its own: a path leads to any of
// them.
func (s *store) rootTwins(c *conn, children []child) error {
	dirs := map[string]int{}
	for i := range children {
		if children[i].dir != nil {
			dirs[children[i].leaf]++
		}
	}
	for i := range children {
		ch := &children[i]
		if ch.dir == nil || dirs[ch.leaf] < 2 || ch.id == "" || s.remote.Type != "drive" {
			continue
		}
		id, _, _ := strings.Cut(ch.id, "\t")
		f, err := c.at(id)
		if err != nil {
			return err
		}
		ch.place = place{f, ""}
	}
	return nil
}

// find finds a file or folder.
func (s *store) find(ctx context.Context, c *conn, name string) (*child, error) {
	if name == "" {
		return &child{dir: fs.NewDir("", time.Time{}), place: place{c.fs, ""}}, nil
	}
	dir, leaf := split(name)
	if s.byList() {
		if found, err := s.ask(ctx, c, name); found != nil || err != nil {
			return found, err
		}
		children, err := s.list(ctx, c, dir)
		if err != nil {
			return nil, err
		}
		return s.among(children, leaf)
	}
	at := place{c.fs, name}
	o, err := c.fs.NewObject(ctx, name)
	switch kind := error(nil); {
	case err == nil:
		return &child{label: leaf, leaf: leaf, id: idOf(o), file: o, place: at}, nil
	default:
		kind = kindOf(err)
		if kind == backends.ErrIsDir {
			s.tree.put(c, name, knownDir{name: name, place: at})
			return &child{label: leaf, leaf: leaf, dir: fs.NewDir(name, time.Time{}), place: at}, nil
		}
		if kind != nil && !errors.Is(kind, iofs.ErrNotExist) || kind == nil {
			return nil, err
		}
		s.tree.forget(name)
		if tellsFolders[s.remote.Type] {
			return nil, iofs.ErrNotExist
		}
	}
	// Not all remotes tell that a folder is there when they are asked for a file.
	entries, err := c.fs.List(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 && !c.features.CanHaveEmptyDirectories {
		return nil, iofs.ErrNotExist
	}
	s.tree.put(c, name, knownDir{name: name, place: at})
	return &child{label: leaf, leaf: leaf, dir: fs.NewDir(name, time.Time{}), place: at}, nil
}

// tellsFolders are types of remotes that say so when a file is asked for and a folder is there.
var tellsFolders = map[string]bool{
	"drive": true, "onedrive": true, "dropbox": true, "sftp": true, "webdav": true, "smb": true, "local": true,
}

// among finds a child of a folder by its name.
func (s *store) among(children []child, leaf string) (*child, error) {
	for i := range children {
		if children[i].label == leaf {
			return &children[i], nil
		}
	}
	if s.habits.folds {
		key := s.key(leaf)
		for i := range children {
			if s.key(children[i].label) == key {
				return &children[i], nil
			}
		}
	}
	if s.habits.twins {
		if ch := twin(children, leaf); ch != nil {
			return ch, nil
		}
	}
	return nil, iofs.ErrNotExist
}
