package onedrive

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"time"

	"sd/internal/clouds/front"
)

const (
	// fragmentUnit is what all fragments of an upload but the last must be a multiple of.
	fragmentUnit = 320 << 10
	// maxFragment is the most that a fragment may have.
	maxFragment = 60 << 20
)

// session is one upload in fragments.
type session struct {
	request *http.Request
	address address
	meta    meta
	total   int64 // -1 while unknown
	content []byte
	ends    time.Time
}

func (s *Service) createSession(w http.ResponseWriter, r *http.Request, a address) *Error {
	var body struct {
		Item  *meta `json:"item"`
		Defer *bool `json:"deferCommit"`
	}
	if r.ContentLength != 0 {
		if e := readJSON(r, &body); e != nil {
			return e
		}
	}
	if body.Item == nil {
		body.Item = &meta{}
	}
	if e := body.Item.check(nil, "fileSize"); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	parent, name, e := s.findPlace(a)
	if e != nil {
		return e
	}
	_, old, e := settle(parent, behaviour(body.Item.Name, name), behaviour(body.Item.Conflict, "replace"), nil)
	switch {
	case e != nil:
		return e
	case old != nil && old.folder:
		return errExists
	case old != nil:
		if e := conditions(r, old); e != nil {
			return e
		}
	}
	up := &session{request: r.Clone(r.Context()), address: a, meta: *body.Item, total: -1, ends: time.Now().Add(15 * time.Minute)}
	if body.Item.FileSize != nil {
		up.total = *body.Item.FileSize
		if e := s.room(int(up.total)); e != nil {
			return e
		}
	}
	id := rand.Text() + rand.Text()
	s.sessions[id] = up
	answer(w, http.StatusOK, map[string]any{
		"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.uploadSession",
		"uploadUrl":      "https://" + contentHost + "/up/" + id, "expirationDateTime": stamp(up.ends), "nextExpectedRanges": []string{"0-"},
	})
	return nil
}

// fragment takes a piece of an upload, tells how far it is, or gives it up. The address
// is the whole right to do so: a token with it is refused, as by the real one.
func (s *Service) fragment(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxFragment+1))
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.PathValue("id")
	up := s.sessions[id]
	e := (*Error)(nil)
	switch {
	case r.Header.Get("Authorization") != "":
		e = &Error{401, "unauthenticated", "The upload address carries its own authorization."}
	case up == nil:
		e = &Error{http.StatusNotFound, "itemNotFound", "The upload session was not found"}
	case err != nil:
		e = errInvalid(err.Error())
	case r.Method == http.MethodDelete:
		delete(s.sessions, id)
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method == http.MethodGet:
		up.progress(w, http.StatusOK)
		return
	case r.Method == http.MethodPut:
		e = up.take(r, body)
	default:
		e = errMethod
	}
	if e != nil {
		write(w, e)
		return
	}
	if int64(len(up.content)) < up.total {
		up.progress(w, http.StatusAccepted)
		return
	}
	delete(s.sessions, id)
	i, made, e := s.store(up.request, up.address, up.meta, up.content)
	if e != nil {
		write(w, e)
		return
	}
	answer(w, status(made), s.view(i))
}

func (up *session) progress(w http.ResponseWriter, status int) {
	answer(w, status, map[string]any{
		"expirationDateTime": stamp(up.ends), "nextExpectedRanges": []string{fmt.Sprintf("%d-", len(up.content))},
	})
}

func (up *session) take(r *http.Request, body []byte) *Error {
	c, err := front.ParseContentRange(r.Header.Get("Content-Range"))
	have := int64(len(up.content))
	switch {
	case err != nil || c.From < 0 || c.Total < 0:
		return errInvalid("The Content-Range header is missing or malformed.")
	case c.To-c.From != int64(len(body)):
		return errInvalid("The Content-Range header length does not match the provided number of bytes.")
	case up.total >= 0 && c.Total != up.total:
		return errInvalid("The size of the file differs from that of the session.")
	case len(body) > maxFragment:
		return &Error{http.StatusRequestEntityTooLarge, "invalidRequest", "The fragment is larger than 60 MiB."}
	case c.To != c.Total && len(body)%fragmentUnit != 0:
		return errInvalid("All fragments but the last must be a multiple of 327680 bytes.")
	case c.From != have:
		return &Error{http.StatusRequestedRangeNotSatisfiable, "invalidRange", "The uploaded fragment overlaps with data that has already been received."}
	}
	up.total = c.Total
	up.content = append(up.content, body...)
	return nil
}
