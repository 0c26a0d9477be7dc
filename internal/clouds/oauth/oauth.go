// Package oauth is the authorization server of a service that only pretends: its
// pages consent at once, its checks are those of the real one, and its tokens end
// when a test says so.
package oauth

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Rotation tells what a refresh does to the refresh token.
type Rotation uint8

// The rotations.
const (
	Keep    Rotation = iota // the refresh token stays (Google, Dropbox)
	Renew                   // each refresh brings a new one, old ones live on (Microsoft)
	OneTime                 // each refresh brings a new one and ends the one that was used
)

// A Dialect is what differs between services.
type Dialect struct {
	// Parameters are those that the consent page takes; any other is refused.
	Parameters []string
	// Scopes are those that exist, Granted those that an app gets that asks for none.
	Scopes, Granted []string
	// Redirect tells whether the redirect URI may be used; registered are those of the app.
	Redirect func(registered []string, uri string) bool
	// WithoutRedirect shows the code on a page when no redirect URI is given.
	WithoutRedirect bool
	// Offline tells whether a consent also brings a refresh token. First is the first
	// consent for this app.
	Offline func(parameter func(string) string, scopes []string, first bool) bool
	// Lifetime is how long an access token lives.
	Lifetime time.Duration
	// TokenType is the word for it, AccessPrefix how access tokens begin.
	TokenType, AccessPrefix, RefreshPrefix string
	// Extra goes into every token answer.
	Extra map[string]any
	// TokenQuery takes what is asked of the token endpoint in the query too.
	TokenQuery bool
	// Problem is the answer for what went wrong.
	Problem func(Trouble) (status int, body map[string]any)
	// Device offers the device code flow; the scopes it refuses are in DeviceRefuses.
	Device        bool
	DeviceRefuses []string
	DevicePage    string
}

// An App is a registered client.
type App struct {
	ID string
	// Secret is "" for a public client, which must use PKCE and may send none.
	Secret    string
	Redirects []string
}

// A Grant is what an access token allows.
type Grant struct {
	App    string
	Scopes []string
}

// Has tells whether the grant holds one of the scopes.
func (g Grant) Has(scopes ...string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(g.Scopes, s) })
}

// What is wrong with an access token.
var (
	ErrNone    = errors.New("no access token")
	ErrUnknown = errors.New("unknown access token")
	ErrExpired = errors.New("expired access token")
)

// A Server issues and checks tokens. It is safe for concurrent use.
type Server struct {
	dialect Dialect
	first   string // the app that Token logs in

	mu        sync.Mutex
	apps      map[string]*App
	consented map[string]bool // by app
	decline   bool
	lifetime  time.Duration
	rotation  Rotation
	codes     map[string]*code
	devices   map[string]*device
	access    map[string]*access
	refresh   map[string]*refresh
	refreshes int
}

type code struct {
	app, redirect, challenge, method string
	scopes                           []string
	offline                          bool
	ends                             time.Time
}

type access struct {
	Grant
	ends time.Time
}

type refresh struct {
	Grant
	dead bool
}

// New returns a server that knows one app. Rotation is what its refreshes do at first.
func New(d Dialect, app App, rotation Rotation) *Server {
	return &Server{
		dialect: d, first: app.ID, rotation: rotation, lifetime: d.Lifetime,
		apps:      map[string]*App{app.ID: &app},
		consented: make(map[string]bool),
		codes:     make(map[string]*code),
		devices:   make(map[string]*device),
		access:    make(map[string]*access),
		refresh:   make(map[string]*refresh),
	}
}

// Register adds an app or replaces the one with its ID.
func (s *Server) Register(app App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[app.ID] = &app
}

// Decline has the consent page say no, until Decline(false).
func (s *Server) Decline(no bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decline = no
}

// SetRotation changes what a refresh does to the refresh token.
func (s *Server) SetRotation(r Rotation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotation = r
}

// SetLifetime changes how long access tokens live that are issued from now on.
func (s *Server) SetLifetime(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lifetime = d
}

// Refreshes is how many access tokens were issued for a refresh token.
func (s *Server) Refreshes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refreshes
}

// Token logs the first app in with all scopes and returns the token as JSON, as rclone
// and golang.org/x/oauth2 keep it.
func (s *Server) Token() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokenLocked(Grant{App: s.first, Scopes: s.dialect.Granted})
}

// TokenWith is Token with these scopes alone.
func (s *Server) TokenWith(app string, scopes ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokenLocked(Grant{App: app, Scopes: scopes})
}

func (s *Server) tokenLocked(g Grant) string {
	a := s.newAccess(g)
	text, _ := json.Marshal(map[string]any{
		"access_token": a, "token_type": s.dialect.TokenType,
		"refresh_token": s.newRefresh(g),
		"expiry":        s.access[a].ends.Format(time.RFC3339Nano),
	})
	return string(text)
}

// Expire ends all access tokens; refresh tokens live on.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.access {
		a.ends = time.Time{}
	}
}

// Revoke ends all tokens, as when the user takes the consent back.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.access {
		a.ends = time.Time{}
	}
	for _, r := range s.refresh {
		r.dead = true
	}
	clear(s.consented)
}

// Check returns what the access token of r allows.
func (s *Server) Check(r *http.Request) (Grant, error) {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "bearer") || token == "" {
		return Grant{}, ErrNone
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.access[token]
	switch {
	case !ok:
		return Grant{}, ErrUnknown
	case !time.Now().Before(a.ends):
		return a.Grant, ErrExpired
	}
	return a.Grant, nil
}

func (s *Server) newAccess(g Grant) string {
	token := s.dialect.AccessPrefix + rand.Text() + rand.Text()
	s.access[token] = &access{Grant: g, ends: time.Now().Add(s.lifetime)}
	return token
}

func (s *Server) newRefresh(g Grant) string {
	token := s.dialect.RefreshPrefix + rand.Text() + rand.Text()
	s.refresh[token] = &refresh{Grant: g}
	return token
}
