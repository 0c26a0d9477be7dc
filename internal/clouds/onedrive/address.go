package onedrive

import (
	"net/http"
	"slices"
	"strings"

	"sd/internal/clouds/front"
)

// address is what a path below a drive names: an item by its id or the root, perhaps a
// path from there, and what to do with it.
type address struct {
	id     string // "" is the root
	path   []string
	action string
}

// parseAddress reads "/root", "/items/ID", either with ":/a/b" or ":/a/b:" behind it,
// and "/action" at the end.
func parseAddress(text string) (address, *Error) {
	var a address
	rest, ok := strings.CutPrefix(text, "/root")
	if !ok {
		if rest, ok = strings.CutPrefix(text, "/items/"); !ok {
			return a, errInvalid("Resource not found for the segment '" + text + "'.")
		}
		end := strings.IndexAny(rest, "/:")
		if end < 0 {
			end = len(rest)
		}
		a.id, rest = rest[:end], rest[end:]
		if a.id == "" {
			return a, errInvalid("The id is missing.")
		}
	}
	if path, ok := strings.CutPrefix(rest, ":"); ok {
		path, rest, _ = strings.Cut(path, ":")
		if path != "" && path[0] != '/' {
			return a, errInvalid("The path has no slash.")
		}
		for _, part := range strings.Split(strings.Trim(path, "/"), "/") {
			if part != "" {
				a.path = append(a.path, part)
			}
		}
	}
	if rest != "" && rest != "/" {
		if rest[0] != '/' {
			return a, errInvalid("Resource not found for the segment '" + rest + "'.")
		}
		a.action = rest[1:]
	}
	return a, nil
}

// base is the item that an address begins with.
func (s *Service) base(a address) (*item, *Error) {
	if a.id == "" || a.id == "root" {
		return s.root, nil
	}
	if i := s.items[strings.ToUpper(a.id[:min(len(a.id), len(DriveID))])+a.id[min(len(a.id), len(DriveID)):]]; i != nil {
		return i, nil
	}
	return nil, errMissing
}

// find returns the item of an address.
func (s *Service) find(a address) (*item, *Error) {
	i, e := s.base(a)
	if e != nil {
		return nil, e
	}
	for _, part := range a.path {
		if i = i.children[front.Fold(part)]; i == nil {
			return nil, errMissing
		}
	}
	return i, nil
}

// findPlace returns the folder and name of an address whose item may be missing, with
// folders made on the way as OneDrive does for uploads by path.
func (s *Service) findPlace(a address) (parent *item, name string, e *Error) {
	if len(a.path) == 0 {
		i, e := s.base(a)
		if e != nil {
			return nil, "", e
		}
		if i.parent == nil {
			return nil, "", errFolder
		}
		return i.parent, i.name, nil
	}
	if parent, e = s.base(a); e != nil {
		return nil, "", e
	}
	for _, part := range a.path[:len(a.path)-1] {
		next := parent.children[front.Fold(part)]
		if next == nil {
			if e := place(parent, part); e != nil {
				return nil, "", e
			}
			next = s.newItem(parent, part, true)
		}
		parent = next
	}
	name = a.path[len(a.path)-1]
	return parent, name, place(parent, name)
}

const conflictKey = "@microsoft.graph.conflictBehavior"

// options refuses query parameters that a call does not have.
func options(r *http.Request, action string) *Error {
	known := map[string][]string{
		"":                    {"$select", "$expand", conflictKey},
		"children":            {"$top", "$skiptoken", "$select", "$orderby", "$expand"},
		"delta":               {"$top", "$select", "token"},
		"content":             {conflictKey, "AVOverride"},
		"copy":                {conflictKey},
		"createUploadSession": {},
	}[action]
	for name, values := range r.URL.Query() {
		if !slices.Contains(known, name) {
			return errInvalid("The query parameter '" + name + "' is not supported.")
		}
		if len(values) > 1 {
			return errInvalid("The query parameter '" + name + "' must be specified once.")
		}
	}
	switch behaviour(r.URL.Query().Get(conflictKey), "fail") {
	case "fail", "replace", "rename":
		return nil
	}
	return errInvalid("Invalid conflict behavior")
}

func behaviour(said, usual string) string {
	if said == "" {
		return usual
	}
	return said
}

// conditions checks If-Match.
func conditions(r *http.Request, i *item) *Error {
	if want := r.Header.Get("If-Match"); want != "" && want != "*" && want != i.eTag() && want != i.cTag() {
		return errETag
	}
	return nil
}
