package rclone

import (
	"errors"
	iofs "io/fs"
	"maps"
	"sync"
	"testing"

	"sd/internal/clouds"
)

// A token that the service ends before its time is renewed, and nobody notices; the new one is
// kept. A login that has really ended is told, and heals at once when there is a new one.
func TestTokenEndsEarly(t *testing.T) {
	for kind, on := range map[string]struct{ expire, revoke func(*clouds.Clouds) }{
		"drive":    {func(c *clouds.Clouds) { c.Drive.Expire() }, func(c *clouds.Clouds) { c.Drive.Revoke() }},
		"onedrive": {func(c *clouds.Clouds) { c.OneDrive.Expire() }, func(c *clouds.Clouds) { c.OneDrive.Revoke() }},
		"dropbox":  {func(c *clouds.Clouds) { c.Dropbox.Expire() }, func(c *clouds.Clouds) { c.Dropbox.Revoke() }},
	} {
		t.Run(kind, func(t *testing.T) {
			c := clouds.Start(t)
			cfg := cloudConfig(c, kind)
			var mu sync.Mutex
			secrets, _ := cfg.Secrets()
			saved := 0
			cfg.Secrets = func() (map[string]string, error) {
				mu.Lock()
				defer mu.Unlock()
				return maps.Clone(secrets), nil
			}
			cfg.SaveToken = func(token string) error {
				mu.Lock()
				defer mu.Unlock()
				secrets["token"] = token
				saved++
				return nil
			}
			s := open(t, cfg)
			put(t, s, "file", "x")
			st := storeOf(s)
			for range 2 {
				on.expire(c)
				if got := read(t, s, "file", ""); got != "x" || s.Health().Expired {
					t.Errorf("got %q, %+v", got, s.Health())
				}
				st.mu.Lock()
				st.login.last = st.login.last.Add(-renewEvery)
				st.mu.Unlock()
			}
			if mu.Lock(); saved == 0 {
				t.Error("no token was kept")
			}
			mu.Unlock()

			on.revoke(c)
			if _, err := s.Stat(t.Context(), "file"); !errors.Is(err, iofs.ErrPermission) || !s.Health().Expired {
				t.Errorf("got %v, %+v, want an ended login", err, s.Health())
			}
		})
	}
}

// Another process has renewed the login meanwhile, and this one's can be renewed no more: it
// takes the new one without an error.
func TestLoginOfAnotherProcess(t *testing.T) {
	c := clouds.Start(t)
	cfg := cloudConfig(c, "onedrive")
	secrets, _ := cfg.Secrets()
	cfg.Secrets = func() (map[string]string, error) { return maps.Clone(secrets), nil }
	s := open(t, cfg)
	put(t, s, "file", "x")
	st := storeOf(s)
	st.mu.Lock()
	st.login.asked = st.login.asked.Add(-askEvery)
	st.mu.Unlock()
	c.OneDrive.Revoke()
	secrets, _ = cloudConfig(c, "onedrive").Secrets()
	if _, err := s.Stat(t.Context(), "file"); err != nil || s.Health().Expired {
		t.Errorf("got %v, %+v", err, s.Health())
	}
}
