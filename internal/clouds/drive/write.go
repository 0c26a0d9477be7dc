package drive

import (
	"net/http"
	"strings"
	"time"
)

// newFile makes a file as the request says; a nil content is none. The caller holds s.mu.
func (s *Service) newFile(m meta, content []byte, mime string, allDrives bool) (*file, *Error) {
	now := time.Now().Truncate(time.Millisecond)
	f := &file{name: "Untitled", mime: mime, created: now, modified: now, owned: true, writable: true}
	m.put(f)
	if f.mime == "" {
		f.mime = mimeOf(f.name)
	}
	parent, e := s.place(m.Parents, allDrives)
	if e != nil {
		return nil, e
	}
	f.parent, f.drive = parent.id, parent.drive
	switch {
	case m.ID != nil && s.files[*m.ID] != nil:
		return nil, &Error{http.StatusConflict, "fileIdInUse", "A file already exists with the provided ID.", ""}
	case m.ID != nil && !s.made[*m.ID]:
		return nil, errBad("The provided file ID is not usable.")
	case m.ID != nil:
		f.id = *m.ID
	default:
		f.id = newID("1", 32)
	}
	if e := s.fill(f, m, content); e != nil {
		return nil, e
	}
	s.insert(f)
	return f, nil
}

// fill gives a new file its bytes, its target, or neither.
func (s *Service) fill(f *file, m meta, content []byte) *Error {
	switch {
	case f.mime == Shortcut:
		if m.Shortcut == nil || s.files[m.Shortcut.TargetID] == nil {
			return errNotFound("")
		}
		f.target = m.Shortcut.TargetID
	case m.Shortcut != nil:
		return errBad("Shortcut details are for shortcuts only.")
	case f.binary():
		if e := s.room(len(content)); e != nil {
			return e
		}
		f.setContent(content)
	case content != nil:
		return errBad("Bad Request")
	case formats[f.mime] != nil:
		f.exports = documents(f.mime, []byte{})
	}
	return nil
}

// place is the folder that a file is to be put into: the root, or its one parent.
func (s *Service) place(parents []string, allDrives bool) (*file, *Error) {
	if len(parents) > 1 {
		return nil, errForbidden("multipleParentsNotAllowed", "A file cannot have more than one parent.")
	}
	to := s.root
	if len(parents) == 1 {
		to = parents[0]
	}
	parent, e := s.find(to, allDrives)
	if e != nil {
		return nil, e
	}
	if parent.mime != Folder {
		return nil, errForbidden("parentNotAFolder", "The specified parent is not a folder.")
	}
	if !parent.writable {
		return nil, errForbidden("insufficientFilePermissions", "The user does not have sufficient permissions for this file.")
	}
	return parent, nil
}

func (s *Service) update(w http.ResponseWriter, r *http.Request) *Error {
	if e := parameters(r, writeParameters...); e != nil {
		return e
	}
	m, e := readMeta(r.Body)
	if e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, e := s.change(r, m, nil, "")
	if e != nil {
		return e
	}
	return send(w, r, s.view(f), fileFields, usualFile)
}

// change does an update; a nil content leaves the bytes. The caller holds s.mu.
func (s *Service) change(r *http.Request, m meta, content []byte, mime string) (*file, *Error) {
	q := r.URL.Query()
	f, e := s.find(r.PathValue("id"), flag(q, "supportsAllDrives") || flag(q, "supportsTeamDrives"))
	switch {
	case e != nil:
		return nil, e
	case m.Parents != nil:
		return nil, errForbidden("fieldNotWritable", "The parents field is not directly writable in update requests. Use the addParents and removeParents parameters instead.")
	case m.ID != nil && *m.ID != f.id, m.Shortcut != nil:
		return nil, errForbidden("fieldNotWritable", "The resource body includes fields which are not directly writable.")
	case !f.writable, f.id == s.root && m.Trashed != nil:
		return nil, errForbidden("insufficientFilePermissions", "The user does not have sufficient permissions for this file.")
	case m.Trashed != nil && *m.Trashed && !f.owned:
		return nil, errForbidden("insufficientFilePermissions", "The user does not have sufficient permissions for this file.")
	case content != nil && !f.binary():
		return nil, errForbidden("fileContentNotWritable", "The content of this file cannot be changed.")
	}
	if e := s.reparent(f, q.Get("addParents"), q.Get("removeParents"), flag(q, "supportsAllDrives")); e != nil {
		return nil, e
	}
	if m.MimeType == nil && content != nil && mime != "" {
		m.MimeType = &mime
	}
	if m.MimeType != nil && !f.binary() && *m.MimeType != f.mime {
		return nil, errBad("The MIME type of this file cannot be changed.")
	}
	if content != nil {
		if e := s.room(len(content) - len(f.content)); e != nil {
			return nil, e
		}
		f.setContent(content)
		f.modified = time.Now().Truncate(time.Millisecond)
	}
	m.put(f)
	if m.Trashed != nil {
		f.trashed = *m.Trashed
	}
	s.changed(f)
	return f, nil
}

// reparent moves a file to another folder, as the two parameters say.
func (s *Service) reparent(f *file, add, del string, allDrives bool) *Error {
	if add == "" && del == "" {
		return nil
	}
	for _, id := range strings.FieldsFunc(del, func(c rune) bool { return c == ',' }) {
		if id == "root" {
			id = s.root
		}
		if id != f.parent {
			return errBad("The file is not a child of the parent to be removed.")
		}
	}
	if add == "" {
		if f.parent != s.root && f.owned {
			s.hang(f, s.files[s.root]) // a file of the user's falls back to the root
		}
		return nil
	}
	if del == "" && f.parent != "" && add != f.parent {
		return errForbidden("cannotAddParent", "Increasing the number of parents is not allowed")
	}
	parent, e := s.find(add, allDrives)
	if e != nil {
		return e
	}
	if s.within(parent, f.id) {
		return errForbidden("cannotAddParent", "A folder cannot be its own parent.")
	}
	if parent, e = s.place([]string{parent.id}, allDrives); e != nil {
		return e
	}
	s.hang(f, parent)
	return nil
}

func (s *Service) remove(w http.ResponseWriter, r *http.Request) *Error {
	if e := parameters(r, "supportsAllDrives", "supportsTeamDrives", "enforceSingleParent"); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, e := s.find(r.PathValue("id"), flag(r.URL.Query(), "supportsAllDrives"))
	if e != nil {
		return e
	}
	if !f.owned || f.id == s.root || f.id == f.drive {
		return errForbidden("insufficientFilePermissions", "The user does not have sufficient permissions for this file.")
	}
	s.drop(f)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) emptyTrash(w http.ResponseWriter, _ *http.Request) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		if f.trashed && f.owned && s.files[f.id] != nil {
			s.drop(f)
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) copy(w http.ResponseWriter, r *http.Request) *Error {
	if e := parameters(r, writeParameters...); e != nil {
		return e
	}
	m, e := readMeta(r.Body)
	if e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := flag(r.URL.Query(), "supportsAllDrives")
	from, e := s.find(r.PathValue("id"), all)
	if e != nil {
		return e
	}
	if from.mime == Folder || from.mime == Shortcut && m.Shortcut != nil {
		return errForbidden("cannotCopyFile", "This file cannot be copied by the user.")
	}
	if m.Name == nil {
		name := "Copy of " + from.name
		m.Name = &name
	}
	if m.Parents == nil && from.parent != "" {
		m.Parents = []string{from.parent}
	}
	if m.MimeType == nil || *m.MimeType == "" {
		m.MimeType = &from.mime
	}
	if m.ModifiedTime == nil {
		m.ModifiedTime = &from.modified
	}
	if from.mime == Shortcut {
		m.Shortcut = &struct {
			TargetID string `json:"targetId"`
		}{from.target}
	}
	f, e := s.newFile(m, from.content, from.mime, all)
	if e != nil {
		return e
	}
	f.exports = from.exports
	return send(w, r, s.view(f), fileFields, usualFile)
}
