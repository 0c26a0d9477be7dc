package rclone

import (
	"errors"
	"io"
	iofs "io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"sd/backends"
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

// What was found before a token ended, and was listed with it, is as good after it.
func TestTokenEndsAfterListing(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", whole/16+1)
	for _, tt := range []struct {
		name string
		do   func(s Store, of map[string]backends.Entry) error
	}{
		{"read", func(s Store, of map[string]backends.Entry) error { return readOf(t, s, of["file"], "content") }},
		{"read of many bytes", func(s Store, of map[string]backends.Entry) error { return readOf(t, s, of["big"], big) }},
		{"write", func(s Store, of map[string]backends.Entry) error {
			_, err := s.Put(t.Context(), "file", strings.NewReader("new"), 3, backends.Meta{}, backends.Cond{Version: of["file"].Version})
			return err
		}},
		{"removal", func(s Store, of map[string]backends.Entry) error {
			return s.Remove(t.Context(), "file", backends.Cond{Version: of["file"].Version})
		}},
		{"rename", func(s Store, of map[string]backends.Entry) error {
			return s.(backends.Renamer).Rename(t.Context(), "file", "other", backends.Cond{Version: of["other"].Version})
		}},
		{"rename of a folder", func(s Store, of map[string]backends.Entry) error {
			return s.(backends.Renamer).Rename(t.Context(), "dir", "dir2", backends.Cond{})
		}},
		{"copy", func(s Store, of map[string]backends.Entry) error {
			_, err := s.(backends.Copier).Copy(t.Context(), "other", "file", backends.CopyOptions{Source: of["file"].Version, Size: of["file"].Size})
			return err
		}},
	} {
		for _, kind := range kinds {
			t.Run(kind+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				c := clouds.Start(t)
				s := open(t, cloudConfig(c, kind)) // which gives the old token again
				of := map[string]backends.Entry{}
				for name, content := range map[string]string{"file": "content", "other": "something", "big": big, "dir/x": "x"} {
					of[name] = put(t, s, name, content)
				}
				names(t, s, "")
				expireOf(c, kind)
				if err := tt.do(s, of); err != nil || s.Health().Expired {
					t.Errorf("got %v, %+v", err, s.Health())
				}
				names(t, s, "")
				if s.Health().Expired {
					t.Errorf("got %+v", s.Health())
				}
			})
		}
	}
}

func readOf(t *testing.T, s Store, e backends.Entry, want string) error {
	r, _, err := s.Get(t.Context(), e.Name, e.Version, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err == nil && string(got) != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
	return err
}

func expireOf(c *clouds.Clouds, kind string) {
	switch kind {
	case "drive":
		c.Drive.Expire()
	case "onedrive":
		c.OneDrive.Expire()
	default:
		c.Dropbox.Expire()
	}
}

// A token may end while the second step of a rename is under way: what the first one made is
// found again.
func TestTokenEndsInRename(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			c := clouds.Start(t)
			s := open(t, cloudConfig(c, kind))
			put(t, s, "file", "content")
			other := put(t, s, "other", "something")
			names(t, s, "")
			srv := serviceOf(c, kind)
			changes := 0
			var mu sync.Mutex
			srv.Fault(func(r *http.Request) http.Handler {
				mu.Lock()
				defer mu.Unlock()
				if !reads(routeOf(c, kind, r), r.Method) {
					if changes++; changes == 2 {
						expireOf(c, kind)
					}
				}
				return nil
			})
			err := s.(backends.Renamer).Rename(t.Context(), "file", "other", backends.Cond{Version: other.Version})
			srv.Fault(nil)
			if got := names(t, s, ""); err != nil || changes < 2 || !slices.Equal(got, []string{"other"}) || read(t, s, "other", "") != "content" {
				t.Errorf("got %v, %d changes, %q, want the renamed file alone", err, changes, got)
			}
		})
	}
}

// A token that had ended before the remote was opened is renewed as well.
func TestTokenHasEnded(t *testing.T) {
	for _, kind := range kinds {
		c := clouds.Start(t)
		cfg := cloudConfig(c, kind)
		seed(c, kind, "file", "x")
		expireOf(c, kind)
		s := open(t, cfg)
		if got := read(t, s, "file", ""); got != "x" || s.Health().Expired {
			t.Errorf("%s: got %q, %+v", kind, got, s.Health())
		}
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
