package onedrive

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"sd/internal/clouds/front"
)

// maxPut is the most that goes up without a session.
const maxPut = 250 << 20

// settle finds the name that a new item gets when one of the same name is there: it
// fails, gives another name, or returns the item to be replaced.
func settle(parent *item, name, conflict string, self *item) (string, *item, *Error) {
	old := parent.children[front.Fold(name)]
	if old == nil || old == self {
		return name, nil, nil
	}
	switch conflict {
	case "replace":
		return name, old, nil
	case "rename":
		ext := path.Ext(name)
		for n := 1; ; n++ {
			other := fmt.Sprintf("%s %d%s", strings.TrimSuffix(name, ext), n, ext)
			if parent.children[front.Fold(other)] == nil {
				return other, nil, nil
			}
		}
	}
	return "", nil, errExists
}

// create makes a folder.
func (s *Service) create(w http.ResponseWriter, r *http.Request, a address) *Error {
	m, e := readMeta(r, "folder")
	if e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	parent, e := s.find(a)
	if e != nil {
		return e
	}
	if m.Folder == nil {
		return errInvalid("Only folders are made this way.")
	}
	if e := place(parent, m.Name); e != nil {
		return e
	}
	name, old, e := settle(parent, m.Name, behaviour(m.Conflict, "fail"), nil)
	if e != nil {
		return e
	}
	if old != nil && !old.folder {
		return errExists
	}
	i := old
	if i == nil {
		i = s.newItem(parent, name, true)
	}
	m.put(i)
	answer(w, http.StatusCreated, s.view(i))
	return nil
}

func (s *Service) putContent(w http.ResponseWriter, r *http.Request, a address) *Error {
	content, err := io.ReadAll(io.LimitReader(r.Body, maxPut+1))
	if err != nil {
		return errInvalid(err.Error())
	}
	if len(content) > maxPut {
		return &Error{http.StatusRequestEntityTooLarge, "maxFileSizeExceeded", "The file is too large for one request."}
	}
	m := meta{Conflict: behaviour(r.URL.Query().Get(conflictKey), "replace")}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, made, e := s.store(r, a, m, content)
	if e != nil {
		return e
	}
	answer(w, status(made), s.view(i))
	return nil
}

func status(made bool) int {
	if made {
		return http.StatusCreated
	}
	return http.StatusOK
}

// store gives an item new bytes, and makes it if it is missing. The caller holds s.mu.
func (s *Service) store(r *http.Request, a address, m meta, content []byte) (i *item, made bool, e *Error) {
	parent, name, e := s.findPlace(a)
	if e != nil {
		return nil, false, e
	}
	if m.Name != "" {
		name = m.Name
	}
	name, old, e := settle(parent, name, behaviour(m.Conflict, "replace"), nil)
	switch {
	case e != nil:
		return nil, false, e
	case old != nil && old.folder:
		return nil, false, errExists
	case old != nil:
		if e := conditions(r, old); e != nil {
			return nil, false, e
		}
	case r.Header.Get("If-Match") != "":
		return nil, false, errMissing
	}
	have := 0
	if old != nil {
		have = len(old.content)
	}
	if e := s.room(len(content) - have); e != nil {
		return nil, false, e
	}
	if i = old; i == nil {
		i, made = s.newItem(parent, name, false), true
	}
	i.setContent(content)
	i.modified = time.Now().UTC().Truncate(time.Second)
	m.put(i)
	s.touch(i)
	return i, made, nil
}

// update renames, moves, or sets the times of an item.
func (s *Service) update(w http.ResponseWriter, r *http.Request, a address) *Error {
	m, e := readMeta(r, "parentReference")
	if e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, e := s.find(a)
	if e != nil {
		return e
	}
	if e := conditions(r, i); e != nil {
		return e
	}
	if m.Parent != nil || m.Name != "" {
		if e := s.relocate(i, m); e != nil {
			return e
		}
	}
	m.put(i)
	s.touch(i)
	answer(w, http.StatusOK, s.view(i))
	return nil
}

// relocate gives an item another name or folder, or both.
func (s *Service) relocate(i *item, m meta) *Error {
	if i.parent == nil {
		return errInvalid("The root cannot be moved.")
	}
	parent, name := i.parent, i.name
	if m.Parent != nil {
		var e *Error
		if parent, e = s.target(m); e != nil {
			return e
		}
	}
	if m.Name != "" {
		name = m.Name
	}
	if e := place(parent, name); e != nil {
		return e
	}
	if parent.within(i) {
		return errSelfMove
	}
	name, old, e := settle(parent, name, behaviour(m.Conflict, "fail"), i)
	if e != nil {
		return e
	}
	if old != nil {
		if old.folder || i.folder {
			return errExists
		}
		s.drop(old, true)
	}
	s.attach(i, parent, name)
	if m.Times == nil {
		i.modified = time.Now().UTC().Truncate(time.Second) // a move resets the time that is not said
	}
	return nil
}

// target is the folder that a parentReference names.
func (s *Service) target(m meta) (*item, *Error) {
	if m.Parent.DriveID != "" && !strings.EqualFold(m.Parent.DriveID, DriveID) {
		return nil, errInvalid("Items cannot be moved between drives.")
	}
	if m.Parent.ID != "" {
		return s.find(address{id: m.Parent.ID})
	}
	_, rest, ok := strings.Cut(m.Parent.Path, "/root")
	if !ok {
		return nil, errInvalid("parentReference needs an id or a path.")
	}
	a, e := parseAddress("/root" + rest)
	if e != nil {
		return nil, e
	}
	return s.find(a)
}

func (s *Service) remove(w http.ResponseWriter, r *http.Request, a address) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, e := s.find(a)
	if e != nil {
		return e
	}
	if i.parent == nil {
		return &Error{http.StatusForbidden, "accessDenied", "The root cannot be removed."}
	}
	if e := conditions(r, i); e != nil {
		return e
	}
	s.drop(i, a.action == "")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// job is a copy that goes on after its answer.
type job struct {
	left int // questions until it is done
	run  func() (*item, *Error)
	item *item
	err  *Error
}

func (s *Service) copy(w http.ResponseWriter, r *http.Request, a address) *Error {
	m, e := readMeta(r, "parentReference")
	if e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, e := s.find(a)
	if e != nil {
		return e
	}
	parent := i.parent
	if m.Parent != nil {
		if parent, e = s.target(m); e != nil {
			return e
		}
	}
	name := behaviour(m.Name, i.name)
	if e := place(parent, name); e != nil {
		return e
	}
	if parent.within(i) {
		return errSelfMove
	}
	j := &job{left: s.polls, run: func() (*item, *Error) { return s.duplicate(i, parent, name, behaviour(m.Conflict, "fail")) }}
	if j.left == 0 {
		j.item, j.err = j.run()
	}
	id := rand.Text()
	s.jobs[id] = j
	w.Header().Set("Location", "https://"+contentHost+"/monitor/"+id)
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func (s *Service) duplicate(i, parent *item, name, conflict string) (*item, *Error) {
	name, old, e := settle(parent, name, conflict, nil)
	if e != nil {
		return nil, e
	}
	if old == i {
		return nil, errExists
	}
	if e := s.room(int(i.size())); e != nil {
		return nil, e
	}
	if old != nil {
		s.drop(old, true)
	}
	to := s.newItem(parent, name, i.folder)
	if !i.folder {
		to.setContent(i.content)
	}
	for _, child := range i.sorted() {
		if _, e := s.duplicate(child, to, child.name, "fail"); e != nil {
			return nil, e
		}
	}
	return to, nil
}

// monitor tells how far a copy is.
func (s *Service) monitor(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.jobs[r.PathValue("id")]
	switch {
	case j == nil:
		write(w, errMissing)
		return
	case r.Header.Get("Authorization") != "":
		write(w, &Error{401, "unauthenticated", "The link carries its own authorization."})
		return
	}
	if j.left > 0 {
		if j.left--; j.left == 0 {
			j.item, j.err = j.run()
		} else {
			answer(w, http.StatusAccepted, map[string]any{"operation": "ItemCopy", "percentageComplete": 27.8, "status": "inProgress"})
			return
		}
	}
	if j.err != nil {
		answer(w, http.StatusOK, map[string]any{
			"operation": "ItemCopy", "percentageComplete": 0.0, "status": "failed", "errorCode": j.err.Code,
			"error": map[string]any{"code": j.err.Code, "message": j.err.Message},
		})
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"operation": "ItemCopy", "percentageComplete": 100.0, "status": "completed", "resourceId": j.item.id,
	})
}
