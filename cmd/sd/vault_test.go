package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sd/internal/testserver"
	"sd/library"
	"sd/secrets"
)

func token(n int, expiry time.Time) string {
	return fmt.Sprintf(`{"access_token":"a%d","expiry":%q}`, n, expiry.Format(time.RFC3339))
}

// TestTokensOfTwoProcesses keeps the token that lives longest, and what else is there.
func TestTokensOfTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	row := library.Volume{Name: "drive", Fingerprint: "f00"}
	now := time.Now()
	if err := newVault(secrets.Open(dir), row).set(map[string]string{secretClientSecret: "s", secretToken: token(0, now)}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := 1; n <= 8; n++ {
		wg.Go(func() {
			process := newVault(secrets.Open(dir), row)
			if err := process.saveToken(secretToken, token(n, now.Add(time.Duration(n)*time.Minute))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	v := newVault(secrets.Open(dir), row)
	all, err := v.all()
	if want := token(8, now.Add(8*time.Minute)); err != nil || all[secretToken] != want || all[secretClientSecret] != "s" {
		t.Errorf("got %v, %v, want the token %s and the client secret", all, err, want)
	}
	// A login by the user replaces any.
	if err := v.set(map[string]string{secretToken: token(9, now), secretClientSecret: ""}); err != nil {
		t.Fatal(err)
	}
	if all, err := v.all(); err != nil || all[secretToken] != token(9, now) || len(all) != 1 {
		t.Errorf("got %v, %v", all, err)
	}
}

// TestTokenOfAWrongClock does not stand in the way of those that come after it.
func TestTokenOfAWrongClock(t *testing.T) {
	v := newVault(&pocket{}, library.Volume{Name: "drive", Fingerprint: "f00"})
	now := time.Now()
	for n, expiry := range []time.Time{now.AddDate(1, 0, 0), now.Add(time.Hour)} {
		if err := v.saveToken(secretToken, token(n, expiry)); err != nil {
			t.Fatal(err)
		}
		if got, err := v.get(secretToken); err != nil || got != token(n, expiry) {
			t.Errorf("got %s, %v, want token %d", got, err, n)
		}
	}
}

// TestTokenOfARemovedVolume is kept no more, whoever still uses it: its key is forgotten.
func TestTokenOfARemovedVolume(t *testing.T) {
	keys := &pocket{}
	row := library.Volume{Name: "drive", Fingerprint: "f00"}
	gone := false
	v := newVault(keys, row)
	v.forgotten = func() bool { return gone }
	fresh := token(1, time.Now())
	if err := v.saveToken(secretToken, fresh); err != nil { // the first of an imported remote
		t.Fatal(err)
	}
	if got, err := v.get(secretToken); err != nil || got != fresh {
		t.Errorf("got %s, %v, want the token", got, err)
	}
	gone = true
	if err := keys.Delete(v.at); err != nil {
		t.Fatal(err)
	}
	if err := v.saveToken(secretToken, token(2, time.Now())); err != nil {
		t.Errorf("got %v, for a token that nobody needs", err)
	}
	if _, err := keys.Get(v.at); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v: it is kept again", err, fs.ErrNotExist)
	}
}

// TestNoSecret is not that a file is missing: it is that one may not in.
func TestNoSecret(t *testing.T) {
	store := &pocket{}
	v := newVault(store, library.Volume{Name: "a b", Fingerprint: "f00"})
	if all, err := v.some(); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}
	check := func() {
		t.Helper()
		_, err := v.get(secretAccessKey)
		if !errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || !errors.As(err, new(*secretError)) {
			t.Errorf("got %v, want a secretError, which is fs.ErrPermission", err)
		}
	}
	check()
	if err := store.Set(v.at, []byte("garbage")); err != nil {
		t.Fatal(err)
	}
	check()
	if err := v.set(map[string]string{secretAccessKey: "s"}); err != nil {
		t.Fatal(err)
	}
	if got, err := v.get(secretAccessKey); got != "s" || err != nil {
		t.Errorf("after giving it again: got %q, %v", got, err)
	}
}

// TestUnreadableKeys follows what the errors say to do: the key is given again where the keyring
// that has it is not there, and after the damaged key of all is removed.
func TestUnreadableKeys(t *testing.T) {
	server := testserver.Versitygw(t, "photos")
	s := newSandbox(t)
	login := func() result {
		return s.runWith(testserver.SecretKey, nil, "volume", "login", "pics", "--secret-stdin")
	}
	s.addBucket(server, "pics", "photos")
	dir := filepath.Join(s.home, ".local", "share", "sd", "secrets")
	s.healthy().want(t, 0, "ok    stored keys: can be read", "")
	files, err := filepath.Glob(filepath.Join(dir, "*.secret"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got %q, %v, want one secret", files, err)
	}
	const inKeyring = "keyring\n" // as a session with a desktop has left it
	writeFile(t, files[0], inKeyring)
	doctor := func(mend string) {
		t.Helper()
		r := s.run("doctor")
		r.want(t, 1, "fail  stored keys: ", "")
		r.want(t, 1, mend, "")
	}
	doctor("-> sd volume login pics\n")
	s.run("volume", "test", "pics").want(t, 1, "", `or give it anew with "sd volume login NAME"`)
	login().want(t, 0, "has its new key", "")
	s.must("volume", "test", "pics").want(t, 0, "answers", "")

	identity := filepath.Join(dir, "identity.txt")
	writeFile(t, identity, "garbage")
	s.run("volume", "test", "pics").want(t, 1, "", "remove "+identity)
	doctor("-> rm " + identity + "; then sd volume login pics\n")
	login().want(t, 1, "", "remove "+identity)
	if err := os.Remove(identity); err != nil {
		t.Fatal(err)
	}
	login().want(t, 0, "has its new key", "")
	s.must("volume", "test", "pics").want(t, 0, "answers", "")

	// Nobody can remove it from a keyring that is not there, and it may be added again.
	writeFile(t, files[0], inKeyring)
	s.run("volume", "remove-cloud", "pics")
	s.addBucket(server, "pics", "photos")
	s.must("volume", "test", "pics").want(t, 0, "answers", "")
}
