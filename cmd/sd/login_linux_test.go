package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"sd/internal/clouds"
)

// TestLoginUnderAMount ends logins under a mount, which says so and goes on as soon as they
// are renewed: what is read right after the command is read.
func TestLoginUnderAMount(t *testing.T) {
	c := clouds.Start(t)
	s := newSandbox(t)
	env := s.atDesk(c)
	for _, l := range cloudLogins() {
		l.add(s, env).want(t, 0, "added", "")
	}
	c.Drive.Seed("a.txt", []byte("one"))
	c.OneDrive.Seed("a.txt", []byte("one"))
	c.Dropbox.Seed("a.txt", []byte("one"))
	s.env = append(s.env, c.Env()...)
	mountpoint, _ := s.mount()
	status := func(uri string) volumeStatus {
		var all []mountStatus
		s.decode(&all, "status")
		for _, v := range all[0].Volumes {
			if v.URI == uri {
				return v
			}
		}
		return volumeStatus{}
	}
	servers := map[string]interface{ Revoke() }{"gdrive": c.Drive, "onedrive": c.OneDrive, "dropbox": c.Dropbox}
	for _, l := range cloudLogins() {
		folder := filepath.Join(mountpoint, l.service, filepath.Base(l.root))
		list := func() error {
			_, err := os.ReadDir(folder)
			return err
		}
		if err := list(); err != nil {
			t.Fatal(err)
		}
		servers[l.service].Revoke()
		if _, err := os.ReadFile(filepath.Join(folder, "a.txt")); !errors.Is(err, syscall.EACCES) {
			t.Errorf("%s: got %v, want EACCES", l.service, err)
		}
		if v := status(l.root); v.State != "login ended" || !v.Expired || v.Mend != "sd volume login "+l.service {
			t.Errorf("got %+v", v)
		}
		s.must("status").want(t, 0, "'sd volume login "+l.service+"' renews it", "")
		s.must("volume", "list").want(t, 0, "login ended", "")
		s.runWith("", env, "volume", "login", l.service).want(t, 0, "has its new key", "")
		if got, err := os.ReadFile(filepath.Join(folder, "a.txt")); err != nil || string(got) != "one" {
			t.Errorf("%s: after the login: %q, %v", l.service, got, err)
		}
		if v := status(l.root); v.State != "online" || v.Expired || v.Mend != "" {
			t.Errorf("after the login: %+v", v)
		}
	}
}
