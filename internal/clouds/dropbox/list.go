package dropbox

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// listArg is the argument of a listing.
type listArg struct {
	Path            string          `json:"path"`
	Recursive       bool            `json:"recursive"`
	MediaInfo       bool            `json:"include_media_info"`
	Deleted         bool            `json:"include_deleted"`
	ExplicitMembers bool            `json:"include_has_explicit_shared_members"`
	Mounted         *bool           `json:"include_mounted_folders"`
	Limit           *int            `json:"limit"`
	SharedLink      json.RawMessage `json:"shared_link"`
	PropertyGroups  json.RawMessage `json:"include_property_groups"`
	NotDownloadable *bool           `json:"include_non_downloadable_files"`
	Restorable      bool            `json:"include_restorable_info"`
}

// cursor is a place in a listing: the rest of what was there, then the log. It never
// changes; each page has one of its own.
type cursor struct {
	arg  listArg
	top  string // folded path
	rest []string
	at   int
}

func (s *Service) begin(r *request) (cursor, *entry, *Error) {
	var arg listArg
	if e := r.decode(&arg); e != nil {
		return cursor{}, nil, e
	}
	if e := r.checkPath(arg.Path, true); e != nil {
		return cursor{}, nil, e
	}
	if arg.Limit != nil && (*arg.Limit < 1 || *arg.Limit > 2000) {
		return cursor{}, nil, errText(r.name, "request body: limit: out of range")
	}
	e := s.find(arg.Path)
	switch {
	case e == nil:
		return cursor{}, nil, fail(409, "path", "not_found")
	case !e.folder:
		return cursor{}, nil, fail(409, "path", "not_folder")
	}
	return cursor{arg: arg, top: e.lower(), at: len(s.log)}, e, nil
}

func (s *Service) listFolder(r *request) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, top, e := s.begin(r)
	if e != nil {
		return e
	}
	var gather func(*entry)
	gather = func(folder *entry) {
		for _, child := range folder.sorted() {
			c.rest = append(c.rest, child.id)
			if child.folder && c.arg.Recursive {
				gather(child)
			}
		}
	}
	if c.arg.Recursive && top != s.root {
		c.rest = append(c.rest, top.id)
	}
	gather(top)
	answer(r.w, http.StatusOK, s.page(c))
	return nil
}

func (s *Service) latestCursor(r *request) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, _, e := s.begin(r)
	if e != nil {
		return e
	}
	answer(r.w, http.StatusOK, map[string]any{"cursor": s.keep(c)})
	return nil
}

// keep gives a place in a listing a name.
func (s *Service) keep(c cursor) string {
	name := "AA" + rand.Text() + rand.Text() + rand.Text()
	s.cursors[name] = c
	return name
}

func (s *Service) listContinue(r *request) *Error {
	var arg struct {
		Cursor string `json:"cursor"`
	}
	if e := r.decode(&arg); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.cursors[arg.Cursor]
	switch {
	case !ok:
		return errText(r.name, `Invalid "cursor" parameter: it is malformed`)
	case c.at < s.reset:
		return fail(409, "reset")
	}
	answer(r.w, http.StatusOK, s.page(c))
	return nil
}

// page gives what comes next at a place: entries that were there when the listing
// began, then what changed since.
func (s *Service) page(c cursor) map[string]any {
	n := 2000
	if c.arg.Limit != nil {
		n = *c.arg.Limit
	}
	if s.pageSize > 0 {
		n = min(n, s.pageSize)
	}
	entries := []any{}
	for len(c.rest) > 0 && len(entries) < n {
		if e := s.ids[c.rest[0]]; e != nil && s.shown(c, e) {
			entries = append(entries, s.view(e, true))
		}
		c.rest = c.rest[1:]
	}
	last := make(map[string]int)
	for i := c.at; i < len(s.log); i++ {
		last[s.log[i].lower] = i
	}
	for len(c.rest) == 0 && c.at < len(s.log) && len(entries) < n {
		line := s.log[c.at]
		if s.below(c, line.lower) && last[line.lower] == c.at { // only the last change of a path is told
			if v := s.told(c, line); v != nil {
				entries = append(entries, v)
			}
		}
		c.at++
	}
	return map[string]any{"entries": entries, "cursor": s.keep(c), "has_more": len(c.rest) > 0 || c.at < len(s.log)}
}

func (s *Service) told(c cursor, line change) map[string]any {
	if e := s.find(line.lower); e != nil && e != s.root {
		if s.shown(c, e) {
			return s.view(e, true)
		}
		return nil
	}
	return map[string]any{
		".tag": "deleted", "name": line.display[strings.LastIndexByte(line.display, '/')+1:],
		"path_lower": line.lower, "path_display": line.display,
	}
}

func (s *Service) shown(c cursor, e *entry) bool {
	return !e.paper || c.arg.NotDownloadable == nil || *c.arg.NotDownloadable
}

// below tells whether a path is one that the listing has.
func (s *Service) below(c cursor, lower string) bool {
	rest, ok := strings.CutPrefix(lower, c.top+"/")
	return c.arg.Recursive && lower == c.top || ok && (c.arg.Recursive || !strings.Contains(rest, "/"))
}

// longpoll waits for a change. It takes no token.
func (s *Service) longpoll(w http.ResponseWriter, r *http.Request) {
	const name = "files/list_folder/longpoll"
	var arg struct {
		Cursor  string `json:"cursor"`
		Timeout *int   `json:"timeout"`
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(&arg); err != nil {
		write(w, errText(name, "request body: "+err.Error()))
		return
	}
	wait := 30
	if arg.Timeout != nil {
		wait = *arg.Timeout
	}
	if wait < 30 || wait > 480 {
		write(w, errText(name, "request body: timeout: not in the range 30 to 480"))
		return
	}
	end := time.NewTimer(time.Duration(wait) * time.Second)
	defer end.Stop()
	for {
		s.mu.Lock()
		c, ok := s.cursors[arg.Cursor]
		bell, reset := s.bell, s.reset
		changed := ok && (len(c.rest) > 0 || slices.ContainsFunc(s.log[c.at:], func(l change) bool { return s.below(c, l.lower) }))
		s.mu.Unlock()
		switch {
		case !ok:
			write(w, errText(name, `Invalid "cursor" parameter: it is malformed`))
			return
		case c.at < reset:
			write(w, fail(409, "reset"))
			return
		case changed:
			answer(w, http.StatusOK, map[string]any{"changes": true})
			return
		}
		select {
		case <-bell:
		case <-end.C:
			answer(w, http.StatusOK, map[string]any{"changes": false})
			return
		case <-r.Context().Done():
			return
		}
	}
}
