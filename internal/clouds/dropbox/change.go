package dropbox

import (
	"net/http"

	"sd/internal/clouds/front"
)

func (s *Service) createFolder(r *request) *Error {
	var arg struct {
		Path       string `json:"path"`
		Autorename bool   `json:"autorename"`
	}
	if e := r.decode(&arg); e != nil {
		return e
	}
	if e := r.checkPath(arg.Path, false); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	parent, name, bad := s.findPlace(arg.Path)
	if bad != nil {
		return fail(409, append([]string{"path"}, bad...)...)
	}
	if old := parent.children[front.Fold(name)]; old != nil {
		if !arg.Autorename {
			return fail(409, "path", "conflict", old.kind())
		}
		name = freeName(parent, name)
	}
	e := s.add(parent, name, true)
	s.tell(e, false)
	answer(r.w, http.StatusOK, map[string]any{"metadata": s.view(e, false)})
	return nil
}

func (s *Service) remove(r *request) *Error {
	var arg struct {
		Path string `json:"path"`
		Rev  string `json:"parent_rev"`
	}
	if e := r.decode(&arg); e != nil {
		return e
	}
	if e := r.checkPath(arg.Path, false); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(arg.Path)
	switch {
	case e == nil || e == s.root:
		return fail(409, "path_lookup", "not_found")
	case arg.Rev != "" && e.folder:
		return fail(409, "path_lookup", "not_file")
	case arg.Rev != "" && e.rev != arg.Rev:
		return fail(409, "path_write", "conflict", "file")
	}
	v := s.view(e, true)
	s.drop(e)
	answer(r.w, http.StatusOK, map[string]any{"metadata": v})
	return nil
}

// relocation is the argument of moves and copies.
type relocation struct {
	From       string `json:"from_path"`
	To         string `json:"to_path"`
	Shared     bool   `json:"allow_shared_folder"`
	Autorename bool   `json:"autorename"`
	Ownership  bool   `json:"allow_ownership_transfer"`
}

// ends finds what is to go where.
func (s *Service) ends(r *request) (from, parent *entry, name string, wrong *Error) {
	var arg relocation
	if e := r.decode(&arg); e != nil {
		return nil, nil, "", e
	}
	for _, path := range []string{arg.From, arg.To} {
		if e := r.checkPath(path, false); e != nil {
			return nil, nil, "", e
		}
	}
	from = s.find(arg.From)
	if from == nil || from == s.root {
		return nil, nil, "", fail(409, "from_lookup", "not_found")
	}
	// A folder that is moved below itself must not be made there.
	if to := front.Fold(arg.To); len(to) > len(from.lower()) && to[:len(from.lower())+1] == from.lower()+"/" {
		return nil, nil, "", fail(409, "cant_move_folder_into_itself")
	}
	parent, name, bad := s.findPlace(arg.To)
	if bad != nil {
		return nil, nil, "", fail(409, append([]string{"to"}, bad...)...)
	}
	if old := parent.children[front.Fold(name)]; old != nil {
		if !arg.Autorename {
			return nil, nil, "", fail(409, "to", "conflict", old.kind()) // also when only the case differs
		}
		name = freeName(parent, name)
	}
	return from, parent, name, nil
}

func (s *Service) move(r *request) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, parent, name, e := s.ends(r)
	if e != nil {
		return e
	}
	s.relocate(from, parent, name)
	answer(r.w, http.StatusOK, map[string]any{"metadata": s.view(from, true)})
	return nil
}

func (s *Service) relocate(e, parent *entry, name string) {
	s.tell(e, true)
	delete(e.parent.children, front.Fold(e.name))
	e.parent, e.name = parent, name
	parent.children[front.Fold(name)] = e
	s.tellAll(e)
}

func (s *Service) copy(r *request) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, parent, name, e := s.ends(r)
	if e != nil {
		return e
	}
	if !s.room(int(from.size())) {
		return fail(409, "insufficient_quota")
	}
	to := s.duplicate(from, parent, name)
	answer(r.w, http.StatusOK, map[string]any{"metadata": s.view(to, true)})
	return nil
}

func (s *Service) duplicate(from, parent *entry, name string) *entry {
	to := s.add(parent, name, from.folder)
	if !from.folder {
		s.fill(to, from.content, from.client)
		to.paper, to.exports = from.paper, from.exports
	}
	s.tell(to, false)
	for _, child := range from.sorted() {
		s.duplicate(child, to, child.name)
	}
	return to
}
