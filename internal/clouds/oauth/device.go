package oauth

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// device is a login that waits for the user to type its code elsewhere.
type device struct {
	app, user string
	scopes    []string
	state     deviceState
	ends      time.Time
	polled    time.Time
}

type deviceState uint8

const (
	waiting deviceState = iota
	approved
	refused
)

// devicePause is how long a client must wait between two questions.
const devicePause = time.Second

// DeviceCode begins a login on a machine without a browser.
func (s *Server) DeviceCode(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost {
		s.problem(w, BadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.apps[r.PostForm.Get("client_id")]
	if app == nil {
		s.problem(w, BadClient)
		return
	}
	scopes, ok := s.scopes(r.PostForm.Get("scope"))
	if !ok || slices.ContainsFunc(scopes, func(x string) bool { return slices.Contains(s.dialect.DeviceRefuses, x) }) {
		s.problem(w, BadScope)
		return
	}
	d := &device{app: app.ID, scopes: scopes, user: rand.Text()[:9], ends: time.Now().Add(15 * time.Minute)}
	code := rand.Text() + rand.Text()
	s.devices[code] = d
	reply(w, http.StatusOK, map[string]any{
		"device_code": code, "user_code": d.user, "verification_uri": s.dialect.DevicePage,
		"expires_in": 900, "interval": int(devicePause / time.Second),
		"message": "To sign in, use a web browser to open the page " + s.dialect.DevicePage + " and enter the code " + d.user + " to authenticate.",
	})
}

// Approve lets the login with this user code go on and tells whether there is one; an
// empty code means all that wait.
func (s *Server) Approve(user string) bool { return s.decide(user, approved) }

// Refuse has the user say no to the login with this user code.
func (s *Server) Refuse(user string) bool { return s.decide(user, refused) }

func (s *Server) decide(user string, to deviceState) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := false
	for _, d := range s.devices {
		if d.state == waiting && (user == "" || d.user == user) {
			d.state, found = to, true
		}
	}
	return found
}

func (s *Server) pollDevice(w http.ResponseWriter, app *App, form url.Values) {
	d := s.devices[form.Get("device_code")]
	if d == nil || d.app != app.ID || !time.Now().Before(d.ends) {
		s.problem(w, DeviceExpired)
		return
	}
	since := time.Since(d.polled)
	d.polled = time.Now()
	switch {
	case since < devicePause*9/10:
		s.problem(w, TooFast)
	case d.state == waiting:
		s.problem(w, Pending)
	case d.state == refused:
		s.problem(w, Declined)
	default:
		delete(s.devices, form.Get("device_code"))
		s.issue(w, Grant{App: d.app, Scopes: d.scopes},
			s.dialect.Offline(func(string) string { return "" }, d.scopes, true))
	}
}
