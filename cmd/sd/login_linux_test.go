package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"sd/internal/clouds"
	"sd/internal/clouds/dropbox"
	"sd/internal/testserver"
	"sd/library"
	"sd/secrets"
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

// TestRemotesLoginUnderAMount renews the login of a remote in rclone's configuration, which
// the mount has read long before: a token by "rclone config reconnect", and a password.
func TestRemotesLoginUnderAMount(t *testing.T) {
	c := clouds.Start(t)
	c.Dropbox.Seed("a.txt", []byte("one"))
	server := testserver.Rclone(t, "webdav")
	writeFile(t, filepath.Join(server.Dir, "a.txt"), "one")
	s := newSandbox(t)
	s.env = append(s.env, c.Env()...)
	file := filepath.Join(s.home, ".config", "rclone", "rclone.conf")
	configure := func(token, password string) {
		t.Helper()
		writeFile(t, file, fmt.Sprintf("[box]\ntype = dropbox\nclient_id = %s\ntoken = %s\n\n[nas]\ntype = webdav\nurl = http://%s\nvendor = rclone\nuser = %s\npass = %s\n",
			dropbox.ClientID, token, server.Addr, testserver.RcloneUser, obscured(t, password)))
	}
	configure(c.Dropbox.Token(), testserver.RclonePass)
	for _, name := range []string{"box", "nas"} {
		s.must("volume", "add-cloud", name, "--service", "rclone", "--remote", name)
	}
	// A command has renewed the token by itself, and keeps the new one.
	c.Dropbox.Expire()
	s.must("ls", "rclone://box")
	configure(c.Dropbox.Token(), "another")
	mountpoint, _ := s.mount()
	if _, err := os.ReadDir(filepath.Join(mountpoint, "rclone", "box")); err != nil {
		t.Fatal(err)
	}
	kept := s.vault("box")
	old, err := kept.get(secretTokenOf + "box")
	if err != nil {
		t.Fatal(err)
	}
	c.Dropbox.Revoke()
	for _, name := range []string{"box", "nas"} {
		if _, err := os.ReadFile(filepath.Join(mountpoint, "rclone", name, "a.txt")); !errors.Is(err, syscall.EACCES) {
			t.Errorf("%s: got %v, want EACCES", name, err)
		}
		s.must("status").want(t, 0, "'sd volume login "+name+"' renews it", "")
	}
	s.run("volume", "login", "box").want(t, 1, "", "nothing was changed")
	configure(c.Dropbox.Token(), testserver.RclonePass)
	for _, name := range []string{"box", "nas"} {
		s.must("volume", "login", name).want(t, 0, "has its new key", "")
		if got, err := os.ReadFile(filepath.Join(mountpoint, "rclone", name, "a.txt")); err != nil || string(got) != "one" {
			t.Errorf("%s: after the login: %q, %v", name, got, err)
		}
	}
	if all, err := kept.some(); err != nil || all[secretTokenOf+"box"] == old {
		t.Errorf("the token that is good for nothing is kept: %v", err)
	}
}

// obscured is a password as rclone's configuration has it.
func obscured(t *testing.T, password string) string {
	t.Helper()
	program, err := testserver.Tool("rclone")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "obscure", password).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// vault holds the secrets of the volume of that name.
func (s *sandbox) vault(name string) vault {
	s.t.Helper()
	var rows []volumeRow
	s.decode(&rows, "volume", "list")
	for _, row := range rows {
		if row.Name == name {
			return newVault(secrets.Open(filepath.Join(s.home, ".local", "share", "sd")), library.Volume{Name: name, Fingerprint: row.Fingerprint})
		}
	}
	s.t.Fatalf("there is no volume %s", name)
	return vault{}
}
