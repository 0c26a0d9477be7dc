// Package drive pretends to be Google Drive (API v3) with its OAuth: one user with
// My Drive, files that others share, and shared drives, in memory. It is as strict as
// the real one: fields, queries, ids, tokens, scopes and upload pieces are checked and
// refused with Google's own errors. Only tests and benchmarks import it.
package drive

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"sd/internal/clouds/front"
	"sd/internal/clouds/oauth"
)

// The one user.
const (
	UserName  = "Dana Drive"
	UserEmail = "dana@drive.example"
)

// The registered desktop app.
const (
	ClientID     = "000000000001-test.apps.googleusercontent.com"
	ClientSecret = "GOCSPX-test-secret"
)

// Hosts are the names that the service answers to.
var Hosts = []string{
	"www.googleapis.com", "drive.googleapis.com", "oauth2.googleapis.com", "accounts.google.com",
	"docs.google.com", "openidconnect.googleapis.com",
}

// A Service is one Google Drive. It is safe for concurrent use.
type Service struct {
	*front.Front
	*oauth.Server

	mux *http.ServeMux

	mu       sync.Mutex
	root     string
	files    map[string]*file
	below    map[string]map[string]*file // the same, by parent
	drives   map[string]string           // names of the shared drives by id
	sessions map[string]*session
	pages    map[string]*page
	made     map[string]bool // ids given out by generateIds
	log      []string        // ids of changed files; a change token counts its entries
	removed  map[string]bool // ids that are gone for good
	limit    int64           // bytes; 0 is none
	pageSize int             // 0 is what the client asks for
	unstable bool
	exports  int
}

// New returns an empty Drive.
func New() *Service {
	s := &Service{
		Front: &front.Front{}, Server: newOAuth(), mux: http.NewServeMux(),
		files: make(map[string]*file), below: make(map[string]map[string]*file), drives: make(map[string]string), sessions: make(map[string]*session),
		pages: make(map[string]*page), made: make(map[string]bool), removed: make(map[string]bool),
	}
	s.root = newID("0A", 16) + "PVA"
	now := time.Now()
	s.files[s.root] = &file{id: s.root, name: "My Drive", mime: Folder, created: now, modified: now, owned: true, writable: true}
	s.routes()
	s.Front.Classify = classify
	return s
}

// ServeHTTP answers a request to one of the Hosts.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.Front.Serve(w, r, s.mux) }

func (s *Service) routes() {
	for _, path := range []string{"/o/oauth2/auth", "/o/oauth2/v2/auth"} {
		s.mux.HandleFunc("GET accounts.google.com"+path, s.Authorize)
	}
	s.mux.HandleFunc("POST oauth2.googleapis.com/token", s.TokenEndpoint)
	s.mux.HandleFunc("POST accounts.google.com/o/oauth2/token", s.TokenEndpoint)
	s.mux.HandleFunc("POST oauth2.googleapis.com/device/code", s.DeviceCode)
	s.mux.HandleFunc("POST oauth2.googleapis.com/revoke", s.RevokeEndpoint)
	s.api("GET openidconnect.googleapis.com/v1/userinfo", s.userinfo, "openid", "email", "https://www.googleapis.com/auth/userinfo.email")
	s.api("GET www.googleapis.com/oauth2/v3/userinfo", s.userinfo, "openid", "email", "https://www.googleapis.com/auth/userinfo.email")
	for _, host := range []string{"www.googleapis.com", "drive.googleapis.com"} {
		read := func(path string, h handler) { s.api("GET "+host+path, h, scopeAll, scopeRead, scopeFile) }
		write := func(path string, h handler) {
			method, path, _ := strings.Cut(path, " ")
			s.api(method+" "+host+path, h, scopeAll, scopeFile)
		}
		read("/drive/v3/about", s.about)
		read("/drive/v3/changes/startPageToken", s.startPageToken)
		read("/drive/v3/changes", s.changes)
		read("/drive/v3/drives", s.listDrives)
		read("/drive/v3/drives/{id}", s.getDrive)
		read("/drive/v3/files", s.list)
		read("/drive/v3/files/generateIds", s.generateIDs)
		read("/drive/v3/files/{id}", s.get)
		read("/drive/v3/files/{id}/export", s.export)
		write("POST /drive/v3/files", s.create)
		write("POST /drive/v3/files/{id}/copy", s.copy)
		write("PATCH /drive/v3/files/{id}", s.update)
		write("DELETE /drive/v3/files/{id}", s.remove)
		write("DELETE /drive/v3/files/trash", s.emptyTrash)
		write("POST /upload/drive/v3/files", s.upload)
		write("PUT /upload/drive/v3/files", s.upload)
		write("DELETE /upload/drive/v3/files", s.cancelUpload)
		write("PATCH /upload/drive/v3/files/{id}", s.upload)
		write("PUT /upload/drive/v3/files/{id}", s.upload)
		write("POST /upload/drive/v3/files/{id}", s.upload)
	}
	s.api("GET docs.google.com/", s.exportLink, scopeAll, scopeRead, scopeFile)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "That’s an error.", http.StatusNotFound) })
}

// A handler answers an authorized request; an error becomes Google's JSON.
type handler func(w http.ResponseWriter, r *http.Request) *Error

func (s *Service) api(pattern string, h handler, scopes ...string) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		grant, err := s.Check(r)
		switch {
		// The address of an upload session carries the right to use it.
		case err == oauth.ErrNone && r.URL.Query().Has("upload_id"):
		case err == oauth.ErrNone:
			write(w, errLogin("Request is missing required authentication credential.", "required"))
			return
		case err != nil:
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="invalid_token"`)
			write(w, errLogin("Invalid Credentials", "authError"))
			return
		case !grant.Has(scopes...):
			write(w, &Error{403, "insufficientPermissions", "Insufficient Permission: Request had insufficient authentication scopes.", ""})
			return
		}
		if e := h(w, r); e != nil {
			write(w, e)
		}
	})
}

var idInPath = regexp.MustCompile(`^(?:/upload)?/drive/v3/(files|drives)/[^/]+`)

// classify names a call as Google's reference does; the pieces of an upload are
// "files.upload", the token endpoint "oauth.token".
func classify(r *http.Request) string {
	path, q := r.URL.Path, r.URL.Query()
	switch {
	case r.Host == "accounts.google.com" || r.Host == "oauth2.googleapis.com":
		return "oauth." + path[strings.LastIndexByte(path, '/')+1:]
	case strings.HasSuffix(path, "/userinfo"):
		return "oauth.userinfo"
	case q.Has("upload_id"):
		return "files.upload"
	case r.Host == "docs.google.com", strings.HasSuffix(path, "/export"):
		return "files.export"
	case strings.HasSuffix(path, "/copy"):
		return "files.copy"
	case strings.HasSuffix(path, "/files/generateIds"):
		return "files.generateIds"
	case strings.HasSuffix(path, "/startPageToken"):
		return "changes.getStartPageToken"
	}
	if m := idInPath.FindStringSubmatch(path); m != nil {
		switch r.Method {
		case http.MethodGet:
			if q.Get("alt") == "media" {
				return "files.media"
			}
			return m[1] + ".get"
		case http.MethodDelete:
			return m[1] + ".delete"
		}
		return m[1] + ".update"
	}
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case name == "about":
		return "about.get"
	case r.Method == http.MethodGet:
		return name + ".list"
	}
	return name + ".create"
}
