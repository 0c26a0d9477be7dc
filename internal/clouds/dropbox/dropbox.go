// Package dropbox pretends to be Dropbox (API v2) with its OAuth: one user with one
// namespace, in memory. It is as strict as the real one: arguments, paths, tokens,
// scopes and upload offsets are checked and refused with Dropbox's own errors. Only
// tests and benchmarks import it.
package dropbox

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"sd/internal/clouds/front"
	"sd/internal/clouds/oauth"
)

// The one user.
const (
	UserName  = "Dora Drop"
	UserEmail = "dora@drop.example"
	accountID = "dbid:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	nsRoot    = "1000000001"
)

// The registered app. It may log in with its secret, or with PKCE and none.
const (
	ClientID     = "testappkey00001"
	ClientSecret = "testappsecret01"
)

const (
	apiHost     = "api.dropboxapi.com"
	contentHost = "content.dropboxapi.com"
	notifyHost  = "notify.dropboxapi.com"
	wwwHost     = "www.dropbox.com"
)

// Hosts are the names that the service answers to.
var Hosts = []string{apiHost, contentHost, notifyHost, wwwHost}

// A Service is one Dropbox. It is safe for concurrent use.
type Service struct {
	*front.Front
	*oauth.Server

	mux *http.ServeMux

	mu       sync.Mutex
	root     *entry
	ids      map[string]*entry
	revs     map[string]revision
	sessions map[string]*session
	cursors  map[string]cursor
	log      []change
	bell     chan struct{} // closed at the next change
	limit    int64
	pageSize int
	count    int
	reset    int // cursors that began before are refused
}

// New returns an empty Dropbox of 2 GiB.
func New() *Service {
	s := &Service{
		Front: &front.Front{}, Server: newOAuth(), mux: http.NewServeMux(), limit: 2 << 30, bell: make(chan struct{}),
		root: &entry{folder: true, children: make(map[string]*entry)}, ids: make(map[string]*entry), revs: make(map[string]revision),
		sessions: make(map[string]*session), cursors: make(map[string]cursor),
	}
	s.routes()
	s.Front.Classify = classify
	return s
}

// ServeHTTP answers a request to one of the Hosts.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.Front.Serve(w, r, s.mux) }

const (
	readMeta     = "files.metadata.read"
	writeMeta    = "files.metadata.write"
	readContent  = "files.content.read"
	writeContent = "files.content.write"
	readAccount  = "account_info.read"
)

func (s *Service) routes() {
	s.mux.HandleFunc("GET "+wwwHost+"/oauth2/authorize", s.Authorize)
	s.mux.HandleFunc("POST "+apiHost+"/oauth2/token", s.TokenEndpoint)
	rpc := map[string]call{
		"users/get_current_account": {s.account, []string{readAccount}},
		"users/get_space_usage":     {s.spaceUsage, []string{readAccount}},
		"auth/token/revoke":         {s.revoke, nil},
		"check/user":                {s.checkUser, []string{readAccount}},
		"files/get_metadata":        {s.getMetadata, []string{readMeta, writeMeta}},
		"files/list_folder":         {s.listFolder, []string{readMeta, writeMeta}},
		"files/create_folder_v2":    {s.createFolder, []string{writeContent}},
		"files/delete_v2":           {s.remove, []string{writeContent}},
		"files/move_v2":             {s.move, []string{writeContent}},
		"files/copy_v2":             {s.copy, []string{writeContent}},

		"files/list_folder/continue":          {s.listContinue, []string{readMeta, writeMeta}},
		"files/list_folder/get_latest_cursor": {s.latestCursor, []string{readMeta, writeMeta}},
	}
	for name, c := range rpc {
		s.mux.HandleFunc("POST "+apiHost+"/2/"+name, s.rpc(name, c))
	}
	for name, c := range map[string]call{
		"files/upload":                   {s.upload, []string{writeContent}},
		"files/upload_session/start":     {s.startSession, []string{writeContent}},
		"files/upload_session/append_v2": {s.appendSession, []string{writeContent}},
		"files/upload_session/finish":    {s.finishSession, []string{writeContent}},
	} {
		s.mux.HandleFunc("POST "+contentHost+"/2/"+name, s.content(name, c, true))
	}
	for name, c := range map[string]call{
		"files/download": {s.download, []string{readContent}},
		"files/export":   {s.export, []string{readContent}},
	} {
		s.mux.HandleFunc("POST "+contentHost+"/2/"+name, s.content(name, c, false))
		s.mux.HandleFunc("GET "+contentHost+"/2/"+name, s.content(name, c, false))
	}
	s.mux.HandleFunc("POST "+notifyHost+"/2/files/list_folder/longpoll", s.longpoll)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "Unknown API function", http.StatusNotFound)
	})
}

// A call is what answers a route, and the scopes of which one is needed.
type call struct {
	do     func(*request) *Error
	scopes []string
}

// request is one call with its argument.
type request struct {
	w    http.ResponseWriter
	http *http.Request
	name string
	arg  []byte
	body []byte
}

// authorize checks the token, its scopes and the namespace.
func (s *Service) authorize(r *http.Request, name string, scopes []string) *Error {
	grant, err := s.Check(r)
	switch {
	case err == oauth.ErrNone:
		return errText(name, `Must provide HTTP header "Authorization" or URL parameter "authorization".`)
	case err == oauth.ErrUnknown:
		return fail(401, "invalid_access_token")
	case err != nil:
		return fail(401, "expired_access_token")
	case len(scopes) > 0 && !grant.Has(scopes...):
		e := fail(401, "missing_scope")
		e.body["required_scope"] = scopes[0]
		return e
	}
	if root := r.Header.Get("Dropbox-API-Path-Root"); root != "" && !strings.Contains(root, nsRoot) && !strings.Contains(root, `"home"`) {
		return fail(422, "invalid_root")
	}
	if r.URL.RawQuery != "" && !slices.Contains([]string{"arg", "reject_cors_preflight", "authorization"}, strings.SplitN(r.URL.RawQuery, "=", 2)[0]) {
		return errText(name, "unexpected URL parameter")
	}
	return nil
}

// classify names a call as Dropbox does, as in "files/list_folder"; the token endpoint
// is "oauth.token".
func classify(r *http.Request) string {
	if rest, ok := strings.CutPrefix(r.URL.Path, "/oauth2/"); ok {
		return "oauth." + rest
	}
	return strings.TrimPrefix(r.URL.Path, "/2/")
}
