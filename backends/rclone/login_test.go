package rclone

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/clouds"
	"sd/internal/clouds/oauth"
)

// TestOneTimeTokens has two stores share a login whose refresh tokens are good for one use: each
// is saved before it is needed, and who comes too late takes the one that was saved.
func TestOneTimeTokens(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			c := clouds.Start(t)
			srv := serviceOf(c, kind)
			srv.SetRotation(oauth.OneTime)
			seed(c, kind, "file", "x")
			cfg := cloudConfig(c, kind)
			var mu sync.Mutex
			given, _ := cfg.Secrets()
			secrets := maps.Clone(given)
			secrets["token"] = strings.Replace(secrets["token"], `"expiry":"2`, `"expiry":"1`, 1)
			cfg.Secrets = func() (map[string]string, error) {
				mu.Lock()
				defer mu.Unlock()
				return maps.Clone(secrets), nil
			}
			saved := 0
			cfg.SaveToken = func(token string) error {
				mu.Lock()
				defer mu.Unlock()
				saved++
				secrets["token"] = token
				return nil
			}
			var tasks sync.WaitGroup
			for range 2 {
				s := open(t, cfg)
				tasks.Go(func() {
					if _, err := s.Stat(t.Context(), "file"); err != nil {
						t.Error(err)
					}
				})
			}
			tasks.Wait()
			if n := srv.Refreshes(); n == 0 || saved != n {
				t.Errorf("%d tokens were made and %d saved", n, saved)
			}
		})
	}
}

// TestNotNow has the services ask for patience, for a moment and for good.
func TestNotNow(t *testing.T) {
	c := clouds.Start(t)
	answers := map[string]func(http.ResponseWriter){
		"drive": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"error":{"code":403,"message":"Rate Limit Exceeded","errors":[{"domain":"usageLimits","reason":"userRateLimitExceeded","message":"Rate Limit Exceeded"}]}}`))
		},
		"onedrive": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte(`{"error":{"code":"activityLimitReached","message":"The request has been throttled","innerError":{}}}`))
		},
		"dropbox": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte(`{"error_summary":"too_many_requests/..","error":{"reason":{".tag":"too_many_requests"},"retry_after":0}}`))
		},
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			srv := serviceOf(c, kind)
			seed(c, kind, "file", "x")
			cfg := cloudConfig(c, kind)
			cfg.Patience, cfg.Stall, cfg.ProbeEvery = 3*time.Second, 2*time.Second, 20*time.Millisecond
			s := open(t, cfg)
			names(t, s, "")
			var mu sync.Mutex
			left := 1
			srv.Fault(func(*http.Request) http.Handler {
				mu.Lock()
				defer mu.Unlock()
				if left == 0 {
					return nil
				}
				left--
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answers[kind](w) })
			})
			if _, err := s.Stat(t.Context(), "file"); err != nil {
				t.Errorf("asked once to wait: %v", err)
			}
			mu.Lock()
			left = -1
			mu.Unlock()
			if _, err := s.Stat(t.Context(), "file"); !errors.Is(err, backends.ErrOffline) {
				t.Errorf("asked to wait for ever: %v", err)
			}
			srv.Heal()
			if _, err := s.Stat(t.Context(), "file"); err != nil && !errors.Is(err, backends.ErrOffline) {
				t.Error(err)
			}
		})
	}
}
