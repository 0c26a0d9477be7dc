package rclone

import (
	"errors"
	iofs "io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/clouds"
	"sd/internal/testserver"

	"github.com/rclone/rclone/fs/config/obscure"
)

const someRemotes = `[nas]
type = webdav
url = http://localhost:1
pass = obscured

# a comment
[secret]
type = crypt
remote = nas:folder
password = obscured
`

func TestReadConfig(t *testing.T) {
	tool, err := testserver.Tool("rclone")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rclone.conf")
	if err := os.WriteFile(path, []byte(someRemotes), 0o600); err != nil {
		t.Fatal(err)
	}
	password := func(p string) func() (string, error) { return func() (string, error) { return p, nil } }
	check := func(ask func() (string, error), want error) {
		t.Helper()
		before, _ := os.ReadFile(path)
		info, _ := os.Stat(path)
		remotes, err := ReadConfig(path, ask)
		switch {
		case !errors.Is(err, want):
			t.Errorf("got %v, want %v", err, want)
		case want == nil:
			var got []string
			for _, r := range remotes {
				got = append(got, r.Name+" "+r.Type)
			}
			if !slices.Equal(got, []string{"nas webdav", "secret crypt"}) || remotes[1].Options["remote"] != "nas:folder" || remotes[1].inner().Name != "nas" {
				t.Errorf("got %q", got)
			}
		}
		after, _ := os.ReadFile(path)
		now, _ := os.Stat(path)
		if string(after) != string(before) || !now.ModTime().Equal(info.ModTime()) {
			t.Error("the file was written")
		}
	}
	check(nil, nil)
	cmd := exec.Command(tool, "config", "encryption", "set", "--config", path, "--password-command", "echo pässword")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	check(password("pässword"), nil)
	check(password("wrong"), iofs.ErrPermission)
	check(nil, iofs.ErrPermission)
}

// TestCrypt opens a remote that encrypts another, by the file that names both.
func TestCrypt(t *testing.T) {
	srv := testserver.Rclone(t, "webdav")
	conf := "[dav]\ntype = webdav\nvendor = rclone\nurl = http://" + srv.Addr + "\nuser = " + testserver.RcloneUser +
		"\npass = " + obscure.MustObscure(testserver.RclonePass) +
		"\n[secret]\ntype = crypt\nremote = dav:folder\npassword = " + obscure.MustObscure("hidden") + "\n"
	path := filepath.Join(t.TempDir(), "rclone.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	remotes, err := ReadConfig(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Remote: &remotes[1]})
	put(t, s, "d/file", "content")
	put(t, s, "d/file", "other content")
	if err := s.(backends.Renamer).Rename(t.Context(), "d/file", "d/moved", backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	if got := names(t, s, "d"); !slices.Equal(got, []string{"moved"}) {
		t.Errorf("got %q", got)
	}
	if got := read(t, s, "d/moved", ""); got != "other content" {
		t.Errorf("got %q", got)
	}
	err = filepath.WalkDir(srv.Dir, func(path string, d iofs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), "content") || strings.Contains(path, "moved") {
			t.Errorf("%s is not encrypted", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestChangedOptions takes another password of the remote that it stands on, once the one that
// the file had was refused.
func TestChangedOptions(t *testing.T) {
	srv := testserver.Rclone(t, "webdav")
	nas := &Remote{Name: "nas", Type: "webdav", Options: optionsOf(srv.Kind, srv.Addr)}
	nas.Options["pass"] = obscure.MustObscure("another")
	secret := &Remote{
		Name: "secret", Type: "crypt", Options: map[string]string{"remote": "nas:", "password": obscure.MustObscure("hidden")},
		others: map[string]*Remote{"nas": nas},
	}
	var changed atomic.Value
	changed.Store("")
	s := open(t, Config{Remote: secret, Secrets: func() (map[string]string, error) {
		if pass := changed.Load().(string); pass != "" {
			return map[string]string{"nas:pass": pass, "nas2:pass": "x"}, nil
		}
		return map[string]string{}, nil
	}})
	if _, err := s.Stat(t.Context(), "file"); !expired(err) {
		t.Errorf("got %v, want that the login has ended", err)
	}
	changed.Store(obscure.MustObscure(testserver.RclonePass))
	st := storeOf(s)
	st.mu.Lock()
	st.login.asked = time.Time{} // 2 s are over
	st.mu.Unlock()
	if _, err := s.Stat(t.Context(), "file"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("after the change: %v", err)
	}
}

// TestCopyBetweenVolumes copies from one folder of an account to another, and not from that of
// another account.
func TestCopyBetweenVolumes(t *testing.T) {
	c := clouds.Start(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			seed(c, kind, "one/file", "content")
			seed(c, kind, "two/other", "x")
			at := func(root, account string) Store {
				cfg := cloudConfig(c, kind)
				cfg.Root, cfg.Account, cfg.Options = root, account, maps.Clone(cfg.Options)
				return open(t, cfg)
			}
			from, to := at("one", "a@example.org"), at("two", "a@example.org")
			srv := serviceOf(c, kind)
			e, err := to.(backends.PeerCopier).CopyFrom(t.Context(), "copy", from, "file", backends.CopyOptions{})
			if err != nil || e.Size != 7 || srv.Tree()["two/copy"] != "content" {
				t.Errorf("got %+v, %v and %q", e, err, srv.Tree())
			}
			if n := srv.Count(downloads[kind]); n != 0 {
				t.Errorf("the bytes passed through here %d times", n)
			}
			if _, err := at("two", "b@example.org").(backends.PeerCopier).CopyFrom(t.Context(), "copy", from, "file", backends.CopyOptions{}); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("from another account: %v", err)
			}
		})
	}
}
