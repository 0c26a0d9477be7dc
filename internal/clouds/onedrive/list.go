package onedrive

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// page is the rest of a listing.
type page struct {
	ids []string
	// link is what follows the last page of a delta; "" is another listing's.
	link string
}

func (s *Service) top(r *http.Request) (int, *Error) {
	n := 200
	if text := r.URL.Query().Get("$top"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			return 0, errInvalid("Invalid value for $top")
		}
	}
	n = min(n, 1000)
	if s.pageSize > 0 {
		n = min(n, s.pageSize)
	}
	return n, nil
}

func (s *Service) children(w http.ResponseWriter, r *http.Request, a address) *Error {
	q := r.URL.Query()
	if q.Has("$expand") {
		return errInvalid("$expand is not supported here.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, e := s.top(r)
	if e != nil {
		return e
	}
	folder, e := s.find(a)
	if e != nil {
		return e
	}
	if !folder.folder {
		return errFolder
	}
	var ids []string
	if token := q.Get("$skiptoken"); token != "" {
		p := s.pages[token]
		if p == nil {
			return errInvalid("Invalid $skiptoken")
		}
		ids = p.ids
	} else {
		for _, child := range folder.sorted() {
			ids = append(ids, child.id)
		}
		switch q.Get("$orderby") {
		case "", "name", "name asc":
		case "name desc":
			slices.Reverse(ids)
		default:
			return errInvalid("Invalid $orderby")
		}
	}
	body := map[string]any{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#driveItems"}
	if len(ids) > n {
		token := rand.Text()
		s.pages[token] = &page{ids: ids[n:]}
		q.Set("$skiptoken", token)
		body["@odata.nextLink"] = "https://" + graphHost + r.URL.EscapedPath() + "?" + q.Encode()
		ids = ids[:n]
	}
	list := []any{}
	for _, id := range ids {
		if i := s.items[id]; i != nil && i.parent == folder {
			list = append(list, pick(s.view(i), r))
		}
	}
	body["value"] = list
	answer(w, http.StatusOK, body)
	return nil
}

// delta tells what changed since a token, or all there is without one.
func (s *Service) delta(w http.ResponseWriter, r *http.Request, a address) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, e := s.top(r)
	if e != nil {
		return e
	}
	top, e := s.find(a)
	if e != nil {
		return e
	}
	ids, end, e := s.since(r.URL.Query().Get("token"), top)
	if e != nil {
		return e
	}
	link := func(token string) string {
		q := r.URL.Query()
		q.Set("token", token)
		return "https://" + graphHost + r.URL.EscapedPath() + "?" + strings.ReplaceAll(q.Encode(), "%24top", "$top")
	}
	body := map[string]any{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(driveItem)"}
	if len(ids) > n {
		token := "p." + rand.Text()
		s.pages[token] = &page{ids: ids[n:], link: end}
		body["@odata.nextLink"] = link(token)
		ids = ids[:n]
	} else {
		body["@odata.deltaLink"] = link(end)
	}
	list := []any{}
	for _, id := range ids {
		list = append(list, s.deltaView(id))
	}
	body["value"] = list
	answer(w, http.StatusOK, body)
	return nil
}

// since returns the ids of what changed below top, and the token that comes after.
func (s *Service) since(token string, top *item) (ids []string, end string, e *Error) {
	end = "d." + strconv.Itoa(len(s.log))
	switch {
	case token == "latest":
		return nil, end, nil
	case token == "":
		for _, i := range s.items {
			if i.within(top) {
				ids = append(ids, i.id)
			}
		}
		slices.SortFunc(ids, func(a, b string) int { return strings.Compare(s.items[a].path(), s.items[b].path()) })
		return ids, end, nil
	case s.pages[token] != nil:
		return s.pages[token].ids, s.pages[token].link, nil
	}
	at, err := strconv.Atoi(strings.TrimPrefix(token, "d."))
	if err != nil || at < s.resync || at > len(s.log) {
		return nil, "", &Error{http.StatusGone, "resyncRequired", "Resync required. Replace any local items with the server's version."}
	}
	told := make(map[string]bool)
	for _, id := range slices.Backward(s.log[at:]) {
		i := s.items[id]
		if i == nil {
			i = s.gone[id]
		}
		if i.within(top) && !told[id] { // only the last change of an item is told
			ids, told[id] = append(ids, id), true
		}
	}
	slices.Reverse(ids)
	return ids, end, nil
}

func (s *Service) deltaView(id string) map[string]any {
	if i := s.items[id]; i != nil {
		v := s.view(i)
		if s.noPaths {
			delete(v["parentReference"].(map[string]any), "path")
		}
		return v
	}
	v := s.view(s.gone[id])
	out := map[string]any{"deleted": map[string]any{"state": "deleted"}}
	for _, name := range []string{"id", "name", "parentReference", "file", "folder"} {
		if held, ok := v[name]; ok {
			out[name] = held
		}
	}
	if s.noPaths {
		delete(v["parentReference"].(map[string]any), "path")
	}
	return out
}
