// Package onedrive pretends to be a personal OneDrive behind Microsoft Graph (v1.0)
// with its OAuth: one user, one drive, in memory. It is as strict as the real one:
// paths, bodies, tokens, scopes and upload fragments are checked and refused with
// Graph's own errors. Only tests and benchmarks import it.
package onedrive

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"sd/internal/clouds/front"
	"sd/internal/clouds/oauth"
)

// The one user.
const (
	UserName  = "Olga One"
	UserEmail = "olga@one.example"
)

// The registered apps: a public one, which has PKCE and no secret, and one with a secret.
const (
	ClientID           = "00000000-0000-4000-8000-000000000001"
	ConfidentialID     = "00000000-0000-4000-8000-000000000002"
	ConfidentialSecret = "test~secret"
)

// The one drive.
const (
	DriveID   = "b4c5ef1a2b3c4d5e"
	DriveType = "personal"
)

const (
	graphHost   = "graph.microsoft.com"
	loginHost   = "login.microsoftonline.com"
	contentHost = "my.microsoftpersonalcontent.com"
)

// Hosts are the names that the service answers to.
var Hosts = []string{graphHost, loginHost, contentHost}

// A Service is one OneDrive. It is safe for concurrent use.
type Service struct {
	*front.Front
	*oauth.Server

	mux *http.ServeMux

	mu       sync.Mutex
	root     *item
	items    map[string]*item
	sessions map[string]*session
	links    map[string]string // item ids by download link
	jobs     map[string]*job
	pages    map[string]*page
	log      []string // ids of changed items; a delta token counts its entries
	gone     map[string]*item
	limit    int64
	deleted  int64 // bytes in the recycle bin
	pageSize int   // 0 is what the client asks for
	polls    int   // how often a copy says that it is not done
	count    int   // items ever made
	noPaths  bool
	resync   int // delta tokens below are too old
}

// New returns an empty OneDrive of 5 GiB.
func New() *Service {
	s := &Service{
		Front: &front.Front{}, Server: newOAuth(), mux: http.NewServeMux(), limit: 5 << 30,
		items: make(map[string]*item), sessions: make(map[string]*session), links: make(map[string]string),
		jobs: make(map[string]*job), pages: make(map[string]*page), gone: make(map[string]*item), count: 100,
	}
	s.root = s.newItem(nil, "root", true)
	s.routes()
	s.Front.Classify = classify
	return s
}

// ServeHTTP answers a request to one of the Hosts.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.Front.Serve(w, r, s.mux) }

func (s *Service) routes() {
	s.mux.HandleFunc("GET "+loginHost+"/{tenant}/oauth2/v2.0/authorize", s.Authorize)
	s.mux.HandleFunc("POST "+loginHost+"/{tenant}/oauth2/v2.0/token", s.TokenEndpoint)
	s.mux.HandleFunc("POST "+loginHost+"/{tenant}/oauth2/v2.0/devicecode", s.DeviceCode)
	s.mux.HandleFunc(graphHost+"/v1.0/", s.graph)
	s.mux.HandleFunc(contentHost+"/up/{id}", s.fragment)
	s.mux.HandleFunc("GET "+contentHost+"/dl/{link}", s.download)
	s.mux.HandleFunc("GET "+contentHost+"/monitor/{id}", s.monitor)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such page", http.StatusNotFound) })
}

// graph checks the token and finds what the path is about.
func (s *Service) graph(w http.ResponseWriter, r *http.Request) {
	grant, err := s.Check(r)
	switch {
	case err == oauth.ErrNone:
		write(w, &Error{401, "InvalidAuthenticationToken", "Access token is empty."})
	case err == oauth.ErrUnknown:
		write(w, &Error{401, "InvalidAuthenticationToken", "IDX14100: JWT is not well formed."})
	case err != nil:
		w.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"`)
		write(w, &Error{401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."})
	case r.URL.Path == "/v1.0/me" && !grant.Has("User.Read"):
		write(w, &Error{403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."})
	case !allowed(grant, r.Method):
		write(w, &Error{403, "accessDenied", "Access denied. Check credentials and try again."})
	default:
		if e := s.dispatch(w, r); e != nil {
			write(w, e)
		}
	}
}

func allowed(g oauth.Grant, method string) bool {
	if g.Has("Files.ReadWrite", "Files.ReadWrite.All") {
		return true
	}
	return method == http.MethodGet && g.Has("Files.Read", "Files.Read.All")
}

// dispatch answers a call of Graph's: about the user, a drive, or an item of it.
func (s *Service) dispatch(w http.ResponseWriter, r *http.Request) *Error {
	path := strings.TrimPrefix(r.URL.Path, "/v1.0")
	if path == "/me" && r.Method == http.MethodGet {
		answer(w, http.StatusOK, map[string]any{
			"id": DriveID, "displayName": UserName, "userPrincipalName": UserEmail, "mail": UserEmail,
		})
		return nil
	}
	if path == "/me/drives" && r.Method == http.MethodGet {
		answer(w, http.StatusOK, map[string]any{"value": []any{s.drive()}})
		return nil
	}
	rest, ok := strings.CutPrefix(path, "/me/drive")
	if !ok || rest != "" && rest[0] != '/' {
		id, after, _ := strings.Cut(strings.TrimPrefix(path, "/drives/"), "/")
		if !strings.HasPrefix(path, "/drives/") {
			return &Error{400, "BadRequest", "Resource not found for the segment '" + path + "'."}
		}
		if !strings.EqualFold(id, DriveID) {
			return &Error{404, "itemNotFound", "The resource could not be found."}
		}
		if rest = ""; after != "" {
			rest = "/" + after
		}
	}
	if rest == "" || rest == "/" {
		if r.Method != http.MethodGet {
			return errMethod
		}
		answer(w, http.StatusOK, s.drive())
		return nil
	}
	p, e := parseAddress(rest)
	if e != nil {
		return e
	}
	return s.call(w, r, p)
}

// call does what an address and method ask for.
func (s *Service) call(w http.ResponseWriter, r *http.Request, a address) *Error {
	calls := map[string]func(http.ResponseWriter, *http.Request, address) *Error{
		"GET ": s.get, "PATCH ": s.update, "DELETE ": s.remove, "POST permanentDelete": s.remove,
		"GET children": s.children, "POST children": s.create, "GET content": s.content, "PUT content": s.putContent,
		"POST createUploadSession": s.createSession, "POST copy": s.copy, "GET delta": s.delta,
	}
	if do := calls[r.Method+" "+a.action]; do != nil {
		if e := options(r, a.action); e != nil {
			return e
		}
		return do(w, r, a)
	}
	return errMethod
}

func (s *Service) drive() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := s.used()
	state := "normal"
	if used >= s.limit {
		state = "exceeded"
	}
	return map[string]any{
		"id": DriveID, "driveType": DriveType, "name": "OneDrive", "webUrl": "https://onedrive.live.com/?cid=" + DriveID,
		"createdDateTime": stamp(time.Now()), "lastModifiedDateTime": stamp(time.Now()),
		"owner": map[string]any{"user": map[string]any{"displayName": UserName, "id": DriveID, "email": UserEmail}},
		"quota": map[string]any{
			"total": s.limit, "used": used, "remaining": max(s.limit-used, 0), "deleted": s.deleted, "state": state,
		},
	}
}

// classify names a call by its method and action, as in "items.children" or
// "items.createUploadSession"; fragments are "upload.put", the token endpoint
// "oauth.token", a followed download "download".
func classify(r *http.Request) string {
	switch r.Host {
	case loginHost:
		return "oauth." + r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	case contentHost:
		kind, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		return map[string]string{"up": "upload." + strings.ToLower(r.Method), "dl": "download", "monitor": "monitor"}[kind]
	}
	path := strings.TrimPrefix(r.URL.Path, "/v1.0")
	switch path {
	case "/me", "/me/drives", "/me/drive":
		return "drive.get"
	}
	rest, ok := strings.CutPrefix(path, "/me/drive")
	if !ok {
		_, rest, _ = strings.Cut(strings.TrimPrefix(path, "/drives/"), "/")
		rest = "/" + rest
	}
	a, e := parseAddress(rest)
	if e != nil || rest == "/" {
		return "drive.get"
	}
	verbs := map[string]string{
		"GET ": "items.get", "PATCH ": "items.update", "DELETE ": "items.delete", "POST children": "items.create", "PUT content": "items.put",
	}
	if verb := verbs[r.Method+" "+a.action]; verb != "" {
		return verb
	}
	return "items." + a.action
}
