package dropbox

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"time"

	"sd/internal/clouds/front"
)

// commit is where and how an upload ends.
type commit struct {
	Path           string          `json:"path"`
	Mode           json.RawMessage `json:"mode"`
	Autorename     bool            `json:"autorename"`
	ClientModified string          `json:"client_modified"`
	Mute           bool            `json:"mute"`
	PropertyGroups json.RawMessage `json:"property_groups"`
	Strict         bool            `json:"strict_conflict"`
}

// mode reads the write mode: its tag, and the revision of "update".
func (c *commit) mode() (tag, rev string, ok bool) {
	if len(c.Mode) == 0 || string(c.Mode) == "null" {
		return "add", "", true
	}
	if json.Unmarshal(c.Mode, &tag) != nil {
		var union struct {
			Tag    string `json:".tag"`
			Update string `json:"update"`
		}
		if json.Unmarshal(c.Mode, &union) != nil {
			return "", "", false
		}
		tag, rev = union.Tag, union.Update
	}
	return tag, rev, tag == "add" || tag == "overwrite" || tag == "update" && len(rev) >= 9
}

func (s *Service) upload(r *request) *Error {
	var arg struct {
		commit
		Hash string `json:"content_hash"`
	}
	if e := r.decode(&arg); e != nil {
		return e
	}
	if arg.Hash != "" && arg.Hash != contentHash(r.body) {
		return fail(409, "content_hash_mismatch")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, wrong := s.store(r, arg.commit, r.body, func(tags ...string) *Error {
		e := fail(409, append([]string{"path"}, tags...)...)
		inner := e.body["path"]
		delete(e.body, "path")
		e.body["reason"], e.body["upload_session_id"] = inner, "unused"
		return e
	})
	if wrong != nil {
		return wrong
	}
	answer(r.w, http.StatusOK, s.view(e, false))
	return nil
}

// store puts bytes where a commit says. The caller holds s.mu; wrong makes the error
// for what is the matter with the path.
func (s *Service) store(r *request, c commit, content []byte, wrong func(tags ...string) *Error) (*entry, *Error) {
	tag, rev, ok := c.mode()
	when := time.Time{}
	if c.ClientModified != "" {
		var err error
		if when, err = time.Parse(timeFormat, c.ClientModified); err != nil {
			return nil, errText(r.name, "request body: client_modified: time data '"+c.ClientModified+"' does not match format '%Y-%m-%dT%H:%M:%SZ'")
		}
	}
	if !ok {
		return nil, errText(r.name, "request body: mode: invalid union value")
	}
	if e := r.checkPath(c.Path, false); e != nil {
		return nil, e
	}
	if e := s.find(c.Path); e != nil && c.Path[0] != '/' {
		c.Path = e.path()
	}
	parent, name, bad := s.findPlace(c.Path)
	if bad != nil {
		return nil, wrong(bad...)
	}
	old := parent.children[front.Fold(name)]
	conflict := ""
	switch {
	case old == nil && tag == "update":
		conflict = "file"
	case old == nil:
	case old.folder:
		conflict = "folder"
	case tag == "update" && old.rev != rev, tag == "add" && (c.Strict || old.hash != contentHash(content)):
		conflict = "file"
	case old.hash == contentHash(content) && (when.IsZero() || when.Equal(old.client)):
		return old, nil // the same once more
	}
	if conflict != "" {
		if !c.Autorename {
			return nil, wrong("conflict", conflict)
		}
		old, name = nil, freeName(parent, name)
	}
	have := 0
	if old != nil {
		have = len(old.content)
	}
	if !s.room(len(content) - have) {
		return nil, wrong("insufficient_space")
	}
	if old == nil {
		old = s.add(parent, name, false)
	}
	s.fill(old, content, when)
	s.tell(old, false)
	return old, nil
}

// session is one upload in pieces.
type session struct {
	content []byte
	closed  bool
}

type sessionCursor struct {
	ID     string `json:"session_id"`
	Offset int    `json:"offset"`
}

func (s *Service) startSession(r *request) *Error {
	var arg struct {
		Close bool            `json:"close"`
		Type  json.RawMessage `json:"session_type"`
		Hash  string          `json:"content_hash"`
	}
	if e := r.decode(&arg); e != nil {
		return e
	}
	if arg.Hash != "" && arg.Hash != contentHash(r.body) {
		return fail(409, "content_hash_mismatch")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := "pid_upload_session:" + rand.Text() + rand.Text()
	s.sessions[id] = &session{content: r.body, closed: arg.Close}
	answer(r.w, http.StatusOK, map[string]any{"session_id": id})
	return nil
}

// extend puts a piece behind what is here, and says what is wrong with it.
func (s *Service) extend(c sessionCursor, body []byte, wrong func(tag string) *Error) (*session, *Error) {
	up := s.sessions[c.ID]
	switch {
	case up == nil:
		return nil, wrong("not_found")
	case up.closed && len(body) > 0:
		return nil, wrong("closed")
	case c.Offset != len(up.content):
		e := wrong("incorrect_offset")
		at := e.body
		for _, tag := range e.tags[:len(e.tags)-1] {
			at = at[tag].(map[string]any)
		}
		at["correct_offset"] = len(up.content)
		return nil, e
	}
	up.content = append(up.content, body...)
	return up, nil
}

func (s *Service) appendSession(r *request) *Error {
	var arg struct {
		Cursor sessionCursor `json:"cursor"`
		Close  bool          `json:"close"`
		Hash   string        `json:"content_hash"`
	}
	if e := r.decode(&arg); e != nil {
		return e
	}
	if arg.Hash != "" && arg.Hash != contentHash(r.body) {
		return fail(409, "content_hash_mismatch")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	up, e := s.extend(arg.Cursor, r.body, func(tag string) *Error { return fail(409, tag) })
	if e != nil {
		return e
	}
	up.closed = arg.Close
	answer(r.w, http.StatusOK, nil)
	return nil
}

func (s *Service) finishSession(r *request) *Error {
	var arg struct {
		Cursor sessionCursor `json:"cursor"`
		Commit commit        `json:"commit"`
		Hash   string        `json:"content_hash"`
	}
	if e := r.decode(&arg); e != nil {
		return e
	}
	if arg.Hash != "" && arg.Hash != contentHash(r.body) {
		return fail(409, "content_hash_mismatch")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	up, e := s.extend(arg.Cursor, r.body, func(tag string) *Error { return fail(409, "lookup_failed", tag) })
	if e != nil {
		return e
	}
	file, e := s.store(r, arg.Commit, up.content, func(tags ...string) *Error {
		return fail(409, append([]string{"path"}, tags...)...)
	})
	if e != nil {
		return e
	}
	delete(s.sessions, arg.Cursor.ID)
	answer(r.w, http.StatusOK, s.view(file, false))
	return nil
}
