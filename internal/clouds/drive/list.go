package drive

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// page is the rest of a listing that the client may ask for next.
type page struct {
	query string // the parameters it belongs to
	ids   []string
}

var standard = []string{"alt", "fields", "key", "prettyPrint", "quotaUser", "userIp", "access_token", "callback", "oauth_token", "$.xgafv"}

// parameters refuses query parameters that the call does not have.
func parameters(r *http.Request, known ...string) *Error {
	for name, values := range r.URL.Query() {
		if !slices.Contains(known, name) && !slices.Contains(standard, name) {
			return errParameter(name, "Unknown parameter "+name)
		}
		if len(values) > 1 {
			return errParameter(name, "Parameter twice: "+name)
		}
		switch name {
		case "supportsAllDrives", "includeItemsFromAllDrives", "includeRemoved", "supportsTeamDrives", "acknowledgeAbuse":
			if _, err := strconv.ParseBool(values[0]); err != nil {
				return errInvalid(name)
			}
		}
	}
	return nil
}

func flag(q url.Values, name string) bool {
	on, _ := strconv.ParseBool(q.Get(name))
	return on
}

// amount is the page size asked for, bounded by the test's.
func (s *Service) amount(q url.Values) (int, *Error) {
	n := 100
	if text := q.Get("pageSize"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > 1000 {
			return 0, &Error{400, "invalidParameter", "Invalid value '" + text + "'. Values must be within the range: [1, 1000]", "pageSize"}
		}
	}
	if s.pageSize > 0 {
		n = min(n, s.pageSize)
	}
	return n, nil
}

var listSchema = names("kind nextPageToken incompleteSearch").with("files", fileFields)

func (s *Service) list(w http.ResponseWriter, r *http.Request) *Error {
	if e := parameters(r, "q", "pageSize", "pageToken", "orderBy", "corpora", "driveId", "spaces", "corpus", "includeLabels",
		"includePermissionsForView", "includeItemsFromAllDrives", "supportsAllDrives", "includeTeamDriveItems", "supportsTeamDrives", "teamDriveId"); e != nil {
		return e
	}
	q := r.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	n, e := s.amount(q)
	if e != nil {
		return e
	}
	ids, e := s.selected(q)
	if e != nil {
		return e
	}
	body := map[string]any{"kind": "drive#fileList", "incompleteSearch": false}
	if len(ids) > n {
		token := newID("~!!~", 60)
		s.pages[token] = &page{query: fixed(q), ids: ids[n:]}
		body["nextPageToken"] = token
		ids = ids[:n]
	}
	files := make([]any, 0, len(ids))
	for _, id := range ids {
		if f := s.files[id]; f != nil { // else removed since the first page
			files = append(files, s.view(f))
		}
	}
	body["files"] = files
	return send(w, r, body, listSchema, "kind,nextPageToken,incompleteSearch,files(kind,id,name,mimeType)")
}

// fixed is what must stay the same from page to page.
func fixed(q url.Values) string {
	keep := url.Values{}
	for _, name := range []string{"q", "orderBy", "corpora", "driveId", "includeItemsFromAllDrives"} {
		if q.Has(name) {
			keep[name] = q[name]
		}
	}
	return keep.Encode()
}

// selected are the ids that a listing has from here on.
func (s *Service) selected(q url.Values) ([]string, *Error) {
	if token := q.Get("pageToken"); token != "" {
		p := s.pages[token]
		if p == nil || p.query != fixed(q) {
			return nil, errInvalid("pageToken")
		}
		return p.ids, nil
	}
	drives := flag(q, "supportsAllDrives") && flag(q, "includeItemsFromAllDrives")
	in := q.Get("driveId")
	switch corpora := q.Get("corpora"); {
	case corpora == "drive" && (in == "" || !drives):
		return nil, errForbidden("teamDrivesParameterRequired", "The driveId parameter must be specified if and only if corpora is set to drive.")
	case corpora != "drive" && in != "":
		return nil, errForbidden("teamDrivesParameterRequired", "The driveId parameter must be specified if and only if corpora is set to drive.")
	case in != "" && s.drives[in] == "":
		return nil, &Error{404, "notFound", "Shared drive not found: " + in, "driveId"}
	case !slices.Contains([]string{"", "user", "drive", "allDrives"}, corpora):
		return nil, errInvalid("corpora")
	}
	m, e := s.parseQuery(q.Get("q"), drives)
	if e != nil {
		return nil, e
	}
	var found []*file
	for _, f := range s.files {
		if f.id != f.drive && f.id != s.root && (f.drive == "" || drives) && (in == "" || f.drive == in) && m(f) {
			found = append(found, f)
		}
	}
	if e := arrange(found, q.Get("orderBy")); e != nil {
		return nil, e
	}
	ids := make([]string, len(found))
	for i, f := range found {
		ids[i] = f.id
	}
	return ids, nil
}

// arrange sorts a listing; Drive's own order is the newest first.
func arrange(found []*file, by string) *Error {
	slices.SortFunc(found, func(a, b *file) int { return strings.Compare(a.id, b.id) })
	orders := []func(a, b *file) int{func(a, b *file) int { return b.modified.Compare(a.modified) }}
	if by != "" {
		orders = nil
	}
	for _, key := range strings.FieldsFunc(by, func(c rune) bool { return c == ',' }) {
		name, down, _ := strings.Cut(strings.TrimSpace(key), " ")
		var order func(a, b *file) int
		switch name {
		case "name", "name_natural":
			order = func(a, b *file) int { return strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) }
		case "modifiedTime":
			order = func(a, b *file) int { return a.modified.Compare(b.modified) }
		case "createdTime":
			order = func(a, b *file) int { return a.created.Compare(b.created) }
		case "folder":
			order = func(a, b *file) int { return strings.Compare(rank(a), rank(b)) }
		default:
			return errInvalid("orderBy")
		}
		if down == "desc" {
			up := order
			order = func(a, b *file) int { return up(b, a) }
		} else if down != "" {
			return errInvalid("orderBy")
		}
		orders = append(orders, order)
	}
	slices.SortStableFunc(found, func(a, b *file) int {
		for _, order := range orders {
			if c := order(a, b); c != 0 {
				return c
			}
		}
		return 0
	})
	return nil
}

func rank(f *file) string {
	if f.mime == Folder {
		return "a"
	}
	return "b"
}
