package rclone

import (
	"context"
	"errors"
	"slices"
	"time"

	"sd/backends/internal/rest"

	"github.com/rclone/rclone/fs"
)

// Watch tells what rclone's change notification tells. After the login or the connection was
// made anew nothing is known of what happened meanwhile.
func (s *store) Watch(ctx context.Context, changed func(name string, below bool)) error {
	poll := s.cfg.Poll
	if poll == 0 {
		poll = 30 * time.Second
	}
	for first := true; ; first = false {
		c, f, err := s.watched(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errors.ErrUnsupported):
			return pathError("watch", "", err)
		case err != nil:
			if !rest.Pause(ctx, poll) {
				return ctx.Err()
			}
			continue
		}
		if !first {
			s.told("", true, changed)
		}
		s.follow(ctx, c, f, poll, changed)
	}
}

// watched returns the remote to follow.
func (s *store) watched(ctx context.Context) (*conn, fs.Fs, error) {
	type remote struct {
		c *conn
		f fs.Fs
	}
	r, err := meta(ctx, s, "WATCH", func(ctx context.Context, c *conn) (remote, error) {
		if c.features.ChangeNotify == nil {
			return remote{}, errors.ErrUnsupported
		}
		if s.remote.Type != "dropbox" {
			return remote{c, c.fs}, nil
		}
		// Dropbox holds requests back until something has changed.
		base, ci := fs.AddConfig(c.base)
		ci.Timeout = fs.Duration(5 * time.Minute)
		f, err := c.info.NewFs(base, c.section, s.cfg.Root, c.options.mapper(c.info))
		return remote{c, f}, err
	})
	return r.c, r.f, err
}

// follow passes on what f tells, until ctx or c ends.
func (s *store) follow(ctx context.Context, c *conn, f fs.Fs, poll time.Duration, changed func(name string, below bool)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type change struct {
		name string
		dir  bool
	}
	changes := make(chan change)
	interval := make(chan time.Duration, 1)
	interval <- poll
	defer close(interval)
	f.Features().ChangeNotify(c.with(ctx), func(name string, kind fs.EntryType) {
		select {
		case changes <- change{name, kind == fs.EntryDirectory}:
		case <-ctx.Done():
		}
	}, interval)
	for {
		select {
		case ch := <-changes:
			s.told(ch.name, ch.dir, changed)
		case <-c.base.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// told forgets what is known of a name, and passes it on. Google Drive and OneDrive tell where a
// file is now and not where it was: of one that is new here it is not known what else changed.
func (s *store) told(name string, below bool, changed func(name string, below bool)) {
	names := []string{name}
	if s.remote.Type == "drive" && !below {
		for _, ext := range exported { // a document is told without its ending
			names = append(names, name+ext)
		}
	}
	if s.remote.Type != "dropbox" && name != "" && !slices.ContainsFunc(names, func(name string) bool { return s.knows(name) }) {
		names, below = []string{""}, true
	}
	if from := s.seen.from(s.key(name)); from != "" && name != "" {
		names = append(names, from)
	}
	for _, name := range names {
		s.tree.forget(s.key(name))
		changed(name, below)
	}
}

// knows tells whether a file or folder of that name was seen lately.
func (s *store) knows(name string) bool {
	key := s.key(name)
	if s.seen.has(key) {
		return true
	}
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	_, ok := s.tree.dirs[key]
	return ok
}

// exported are the endings of documents.
var exported = []string{".docx", ".xlsx", ".pptx", ".svg"}
