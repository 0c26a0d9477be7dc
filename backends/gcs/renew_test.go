package gcs

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

// TestLateRefusal is of a token that another request has had replaced meanwhile.
func TestLateRefusal(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	arrived, renewed := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		old := r.Header.Get("Authorization") == "Bearer "+secretToken
		if old && strings.HasSuffix(r.URL.Path, "/late") && r.Method == http.MethodGet {
			once.Do(func() { close(arrived) })
			<-renewed
		}
		proxyTo(g.url, w, r)
	}))
	defer s.Close()
	b := open(t, s.URL, func(c *Config) {
		signed(c)
		c.Credentials = func() ([]byte, error) { return g.account(), nil }
	})
	put(t, b, "early", "text")
	put(t, b, "late", "more text")
	past(b)
	var late sync.WaitGroup
	for range 4 {
		late.Go(func() {
			if got, _, err := read(t.Context(), b, "late", "", 0, -1); err != nil || got != "more text" {
				t.Errorf("late: got %q, %v", got, err)
			}
		})
	}
	<-arrived
	g.set(func(g *guarded) { g.good, g.gives = "ya29.second", "ya29.second" })
	if got, _, err := read(t.Context(), b, "early", "", 0, -1); err != nil || got != "text" {
		t.Errorf("early: got %q, %v", got, err)
	}
	close(renewed)
	late.Wait()
	if n := g.fetched.Load(); n != 2 || b.Health().Expired {
		t.Errorf("%d tokens were fetched, want 2; %+v", n, b.Health())
	}
}

// TestRefusedWhileWaiting drops a token between its coming and its being handed to who has
// waited for it.
func TestRefusedWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := &oauth2.Token{AccessToken: "second", Expiry: time.Now().Add(time.Hour)}
		flight := make(chan struct{})
		l := &login{patience: time.Minute, flight: flight}
		got := make(chan *oauth2.Token)
		go func() {
			token, err := l.token(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- token
		}()
		synctest.Wait()
		l.mu.Lock()
		l.source, l.flight = oauth2.StaticTokenSource(second), nil
		close(flight)
		l.mu.Unlock()
		if token := <-got; token != second {
			t.Errorf("got %v, want the next token", token)
		}
	})
}

// TestRenew tells for which refusals another attempt is worth while.
func TestRenew(t *testing.T) {
	t.Parallel()
	first, second := &oauth2.Token{AccessToken: "first"}, &oauth2.Token{AccessToken: "second"}
	long := time.Now().Add(-time.Hour)
	for name, tt := range map[string]struct {
		l    *login
		want bool
		left *oauth2.Token
	}{
		"the present one":         {&login{now: first, read: long}, true, nil},
		"one that is just new":    {&login{now: first, read: time.Now()}, false, first},
		"the same, fetched again": {&login{now: &oauth2.Token{AccessToken: "first"}, read: time.Now()}, false, first},
		"one that was replaced":   {&login{now: second, read: time.Now()}, true, second},
		"one that was dropped":    {&login{read: time.Now()}, true, nil},
		"one that is fetched":     {&login{now: first, flight: make(chan struct{}), read: long}, true, first},
	} {
		if got := tt.l.renew(first); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
		if left := tt.l.now; (left == nil) != (tt.left == nil) || left != nil && left.AccessToken != tt.left.AccessToken {
			t.Errorf("%s: left %v, want %v", name, left, tt.left)
		}
	}
}
