package rclone

import (
	"context"
	iofs "io/fs"

	"github.com/rclone/rclone/fs"
)

// What was found is bound to the connection that found it, and to its login. Where that was
// replaced meanwhile, as after an access token that has ended, it is looked up again in the new
// one.

// here returns a place that the connection before c led to as a place of c.
func (s *store) here(c *conn, at place) (place, error) {
	id, was := s.past(c).root(at.fs)
	switch {
	case !was:
		return at, nil
	case id == "":
		return place{c.fs, at.path}, nil
	}
	f, err := c.at(id)
	return place{f, at.path}, err
}

// object returns the file o at a place as one of c.
func (s *store) object(ctx context.Context, c *conn, o fs.Object, at place) (fs.Object, error) {
	f, _ := o.Fs().(fs.Fs)
	if _, was := s.past(c).root(f); !was {
		return o, nil
	}
	return s.fetch(ctx, c, idOf(o), at)
}

// placeOf is where o says that it is.
func placeOf(o fs.Object) place {
	f, _ := o.Fs().(fs.Fs)
	return place{f, o.Remote()}
}

// fetch finds the file of an id at a place.
func (s *store) fetch(ctx context.Context, c *conn, id string, at place) (fs.Object, error) {
	at, err := s.here(c, at)
	if err != nil {
		return nil, err
	}
	o, err := at.fs.NewObject(ctx, at.path)
	if err != nil || idOf(o) == id {
		return o, err
	}
	dir, _ := split(at.path)
	entries, err := at.fs.List(ctx, dir) // it has a twin
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if o, ok := e.(fs.Object); ok && idOf(o) == id {
			return o, nil
		}
	}
	return nil, iofs.ErrNotExist
}

// past returns the connection that c has replaced, nil if there is none.
func (s *store) past(c *conn) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before == c {
		return nil
	}
	return s.before
}

// root tells whether f is a file system of c, and the id of its root folder: "" is that of c.
func (c *conn) root(f fs.Fs) (id string, is bool) {
	if c == nil || f == nil {
		return "", false
	}
	if f == c.fs {
		return "", true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, sub := range c.subs {
		if sub == f {
			return id, true
		}
	}
	return "", false
}
