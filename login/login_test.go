package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/internal/clouds"
	"sd/internal/clouds/drive"
	"sd/internal/clouds/dropbox"
	"sd/internal/clouds/oauth"
	"sd/internal/clouds/onedrive"
)

// world is the services, and a user before a browser.
type world struct {
	t     *testing.T
	cloud *clouds.Clouds
	http  *http.Client

	mu   sync.Mutex
	said []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	w := &world{t: t, cloud: clouds.Start(t)}
	client, err := w.cloud.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	w.http = client
	return w
}

// login is a login to a service, whose page the user opens as soon as it is shown.
func (w *world) login(p Provider, c Client) *Login {
	return &Login{
		Provider: p, Client: c, HTTP: w.http, Patience: time.Minute,
		Say: func(text string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.said = append(w.said, text)
		},
		Open: func(address string) error {
			go func() { _, _ = w.cloud.Visit(context.Background(), address) }()
			return nil
		},
		Read: func(context.Context, string) (string, error) {
			w.t.Error("the user was asked to paste")
			return "", io.EOF
		},
	}
}

func (w *world) shown() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.said, "\n")
}

func microsoft(t *testing.T) Provider {
	t.Helper()
	p, err := Microsoft("")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// service is one of the services, and the user's application there.
type service struct {
	provider Provider
	client   Client
	user     string
	server   func(*clouds.Clouds) *oauth.Server
}

func services(t *testing.T) map[string]service {
	return map[string]service{
		"google":    {Google(), Client{drive.ClientID, drive.ClientSecret}, drive.UserEmail, func(c *clouds.Clouds) *oauth.Server { return c.Drive.Server }},
		"microsoft": {microsoft(t), Client{ID: onedrive.ClientID}, onedrive.UserEmail, func(c *clouds.Clouds) *oauth.Server { return c.OneDrive.Server }},
		"dropbox":   {Dropbox(), Client{dropbox.ClientID, dropbox.ClientSecret}, dropbox.UserEmail, func(c *clouds.Clouds) *oauth.Server { return c.Dropbox.Server }},
	}
}

// TestBrowser logs in to each service, and finds out who that was.
func TestBrowser(t *testing.T) {
	for name, s := range services(t) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			l := w.login(s.provider, s.client)
			token, err := l.Browser(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			who, same, err := l.Account(t.Context(), token)
			if err != nil || who.Name != s.user {
				t.Errorf("got %+v, %v, want %s", who, err, s.user)
			}
			if same.Text() != token.Text() {
				t.Error("a fresh token was renewed")
			}
			again, err := ParseToken(token.Text())
			if err != nil || again.Text() != token.Text() {
				t.Errorf("the token does not survive being kept: %v", err)
			}
			for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", token, token, token, token), w.shown()} {
				if strings.Contains(text, again.token.AccessToken) || strings.Contains(text, again.token.RefreshToken) {
					t.Error("the token is shown")
				}
			}
			// A token that has ended is renewed on the way.
			s.server(w.cloud).Expire()
			again.token.Expiry = time.Now().Add(-time.Minute)
			if _, renewed, err := l.Account(t.Context(), again); err != nil || renewed.token.AccessToken == token.token.AccessToken {
				t.Errorf("an old token was not renewed: %v", err)
			}
			s.server(w.cloud).Revoke()
			if _, _, err := l.Account(t.Context(), again); err == nil || !strings.Contains(err.Error(), s.provider.Name) {
				t.Errorf("got %v for a login that was taken back", err)
			}
		})
	}
}

// TestDrives finds what an account has besides its own files.
func TestDrives(t *testing.T) {
	w := newWorld(t)
	w.cloud.Drive.AddDrive("Team")
	l := w.login(Google(), Client{drive.ClientID, drive.ClientSecret})
	token, err := ParseToken(w.cloud.Drive.Token())
	if err != nil {
		t.Fatal(err)
	}
	if who, _, err := l.Account(t.Context(), token); err != nil || len(who.Drives) != 1 || who.Drives[0].Name != "Team" || who.Drives[0].ID == "" {
		t.Errorf("got %+v, %v, want the drive Team", who, err)
	}
	one := w.login(microsoft(t), Client{ID: onedrive.ClientID})
	token, err = ParseToken(w.cloud.OneDrive.Token())
	if err != nil {
		t.Fatal(err)
	}
	want := Drive{ID: onedrive.DriveID, Type: onedrive.DriveType}
	who, _, err := one.Account(t.Context(), token)
	if err != nil || len(who.Drives) != 1 || who.Drives[0].ID != want.ID || who.Drives[0].Type != want.Type {
		t.Errorf("got %+v, %v, want %+v", who, err, want)
	}
}

// TestEnded tells of tokens that the service has revoked, young ones and old ones.
func TestEnded(t *testing.T) {
	w := newWorld(t)
	for name, s := range services(t) {
		for _, old := range []bool{false, true} {
			l := w.login(s.provider, s.client)
			token, err := l.Browser(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if old {
				token.token.Expiry = time.Now().Add(-time.Hour)
			}
			s.server(w.cloud).Revoke()
			if _, _, err := l.Account(t.Context(), token); !errors.Is(err, ErrEnded) || strings.Contains(err.Error(), "code is used up") {
				t.Errorf("%s, old %v: got %v, want ErrEnded", name, old, err)
			}
		}
	}
}

// TestRefused tells why there is no token.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	l := w.login(Google(), Client{drive.ClientID, "GOCSPX-another"})
	if _, err := l.Browser(t.Context()); !errors.Is(err, ErrClient) || !strings.Contains(err.Error(), "client id or its secret is wrong") || strings.Contains(err.Error(), "GOCSPX") {
		t.Errorf("got %v for a wrong secret", err)
	}
	l.Client.Secret = drive.ClientSecret
	w.cloud.Drive.Decline(true)
	if _, err := l.Browser(t.Context()); !errors.Is(err, ErrDenied) {
		t.Errorf("got %v, want ErrDenied", err)
	}
	l.Open = func(string) error { return errors.New("no browser here") }
	l.Patience = time.Millisecond
	if _, err := l.Browser(t.Context()); !errors.Is(err, ErrTimeout) || !strings.Contains(w.shown(), "no browser here") {
		t.Errorf("got %v, want ErrTimeout", err)
	}
	l.Patience = 0
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	l.Open = func(string) error { cancel(stopped); return nil }
	if _, err := l.Browser(ctx); !errors.Is(err, stopped) {
		t.Errorf("got %v, want the cause of ctx", err)
	}
}

// TestDoor sends the browser back with answers that are none, before and after the true one.
func TestDoor(t *testing.T) {
	w := newWorld(t)
	l := w.login(Google(), Client{drive.ClientID, drive.ClientSecret})
	get := func(change func(*http.Request), address string) (int, string) {
		r, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		if change != nil {
			change(r)
		}
		reply, err := w.http.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer reply.Body.Close()
		body, _ := io.ReadAll(reply.Body)
		return reply.StatusCode, string(body)
	}
	done := make(chan struct{})
	l.Open = func(address string) error {
		go func() {
			defer close(done)
			u, _ := url.Parse(address)
			back, state := u.Query().Get("redirect_uri"), u.Query().Get("state")
			if method := u.Query().Get("code_challenge_method"); method != "S256" || len(state) < 20 {
				t.Errorf("PKCE by %q with the state %q", method, state)
			}
			for _, tt := range []struct {
				what, address string
				change        func(*http.Request)
				want          int
			}{
				{"another state", back + "?code=x&state=wrong", nil, 400},
				{"no state", back + "?code=x", nil, 400},
				{"no answer", back + "?state=" + state, nil, 400},
				{"another page", back + "favicon.ico", nil, 404},
				{"another method", back + "?code=x&state=" + state, func(r *http.Request) { r.Method = http.MethodPost }, 405},
				{"another host", back + "?code=x&state=" + state, func(r *http.Request) { r.Host = "evil.example:80" }, 403},
			} {
				if status, body := get(tt.change, tt.address); status != tt.want {
					t.Errorf("%s: got %d, want %d: %s", tt.what, status, tt.want, body)
				}
			}
			page, err := w.cloud.Visit(context.Background(), address)
			if err != nil || !strings.Contains(page, "close this page") {
				t.Errorf("got the page %q, %v", page, err)
			}
			if status, body := get(nil, back+"?code=again&state="+state); status == 200 {
				t.Errorf("the door opened twice: %s", body)
			}
		}()
		return nil
	}
	if _, err := l.Browser(t.Context()); err != nil {
		t.Error(err)
	}
	<-done
}

// TestPaste logs in by what the user copies from another machine's browser.
func TestPaste(t *testing.T) {
	w := newWorld(t)
	l := w.login(Google(), Client{drive.ClientID, drive.ClientSecret})
	pastes := []func(back string) string{
		func(string) string { return "" },
		func(string) string { return "what was that?" },
		func(back string) string {
			u, _ := url.Parse(back)
			return "http://127.0.0.1/?state=other&code=" + u.Query().Get("code")
		},
		func(back string) string { return "  " + back + "\n" },
	}
	l.Read = func(_ context.Context, prompt string) (string, error) {
		paste := pastes[0]
		pastes = pastes[1:]
		back, err := w.sentBack(w.lastAddress())
		return paste(back), err
	}
	token, err := l.Headless(t.Context())
	if err != nil || token.Text() == "" || len(pastes) > 0 {
		t.Fatalf("got %v, with %d lines unread", err, len(pastes))
	}
	// Dropbox shows a code, which is pasted alone.
	d := w.login(Dropbox(), Client{dropbox.ClientID, dropbox.ClientSecret})
	d.Read = func(context.Context, string) (string, error) {
		return w.cloud.Visit(context.Background(), w.lastAddress())
	}
	if _, err := d.Headless(t.Context()); err != nil {
		t.Error(err)
	}
	w.cloud.Drive.Decline(true)
	l.Read = func(context.Context, string) (string, error) { return w.sentBack(w.lastAddress()) }
	if _, err := l.Headless(t.Context()); !errors.Is(err, ErrDenied) {
		t.Errorf("got %v, want ErrDenied", err)
	}
	l.Read = func(context.Context, string) (string, error) { return "", io.EOF }
	if _, err := l.Headless(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the error of Read", err)
	}
}

// lastAddress is the one that the user was shown last.
func (w *world) lastAddress() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := ""
	for _, text := range w.said {
		for _, word := range strings.Fields(text) {
			if strings.HasPrefix(word, "https://") {
				last = word
			}
		}
	}
	return last
}

// sentBack is the address to which a page sends the browser.
func (w *world) sentBack(address string) (string, error) {
	client := *w.http
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	reply, err := client.Get(address)
	if err != nil {
		return "", err
	}
	reply.Body.Close()
	return reply.Header.Get("Location"), nil
}

// TestDevice logs in by a code that the user types elsewhere.
func TestDevice(t *testing.T) {
	w := newWorld(t)
	l := w.login(microsoft(t), Client{ID: onedrive.ClientID})
	say := l.Say
	decide := w.cloud.OneDrive.Approve
	l.Say = func(text string) {
		say(text)
		for _, word := range strings.Fields(text) {
			decide(word)
		}
	}
	token, err := l.Headless(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if who, _, err := l.Account(t.Context(), token); err != nil || who.Name != onedrive.UserEmail {
		t.Errorf("got %+v, %v", who, err)
	}
	decide = w.cloud.OneDrive.Refuse
	if _, err := l.Headless(t.Context()); !errors.Is(err, ErrDenied) {
		t.Errorf("got %v, want ErrDenied", err)
	}
	decide = func(string) bool { return false }
	l.Patience = time.Millisecond
	if _, err := l.Headless(t.Context()); !errors.Is(err, ErrTimeout) {
		t.Errorf("got %v, want ErrTimeout", err)
	}
	if _, err := Microsoft("mars"); err == nil {
		t.Error("mars is taken for a region")
	}
}

// TestPasted finds the code in what people copy.
func TestPasted(t *testing.T) {
	l := &Login{Provider: Google()}
	a := attempt{state: "S"}
	for line, want := range map[string]string{
		"4/0AdQt8qh": "4/0AdQt8qh", "http://127.0.0.1:53682/?state=S&code=4%2F0Ad&scope=x": "4/0Ad", "?code=c&state=S#_=_": "c", "code=c": "c",
		"": "", "two words": "", "http://127.0.0.1:53682/": "", "http://127.0.0.1/?state=S": "", "http://127.0.0.1/?state=T&code=c": "", "?code=%zz": "",
	} {
		got, err := l.pasted(a, line)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q, %v, want %q", line, got, err, want)
		}
	}
	if _, err := l.pasted(a, "?error=access_denied&state=S&error_description=%3Cb%3E%1b%5b31m"); !errors.Is(err, ErrDenied) || strings.ContainsRune(err.Error(), '\x1b') {
		t.Errorf("got %v", err)
	}
}
