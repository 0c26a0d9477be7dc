package s3

import (
	"errors"
	iofs "io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/testserver"
)

// sdkCredentials makes the SDK's own sources be asked.
func sdkCredentials(c *Config) { c.AccessKeyID, c.Secret = "", nil }

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(name) })
}

// TestSources finds credentials where the SDK does, and tells where not.
func TestSources(t *testing.T) {
	server := testserver.Versitygw(t, bucket)
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T)
		change  func(*Config)
		want    error
		text    string
	}{
		{"given", nil, nil, nil, ""},
		{"environment", func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", testserver.AccessKey)
			t.Setenv("AWS_SECRET_ACCESS_KEY", testserver.SecretKey)
		}, sdkCredentials, nil, ""},
		{"profile", func(t *testing.T) {
			writeFile(t, os.Getenv("AWS_SHARED_CREDENTIALS_FILE"),
				"[work]\naws_access_key_id="+testserver.AccessKey+"\naws_secret_access_key="+testserver.SecretKey+"\n")
		}, func(c *Config) { sdkCredentials(c); c.Profile = "work" }, nil, ""},
		{"process", func(t *testing.T) {
			script := filepath.Join(t.TempDir(), "login")
			writeFile(t, script, "#!/bin/sh\necho '"+`{"Version":1,"AccessKeyId":"`+testserver.AccessKey+`","SecretAccessKey":"`+testserver.SecretKey+`"}`+"'\n")
			writeFile(t, os.Getenv("AWS_CONFIG_FILE"), "[default]\ncredential_process = /bin/sh "+script+"\n")
		}, sdkCredentials, nil, ""},
		{"none", nil, sdkCredentials, iofs.ErrPermission, "no credentials"},
		{"no such profile", nil, func(c *Config) { sdkCredentials(c); c.Profile = "nobody" }, iofs.ErrPermission, "nobody"},
		{"anonymous", nil, func(c *Config) { sdkCredentials(c); c.Anonymous = true }, iofs.ErrPermission, "403"},
		{"broken files do no harm", func(t *testing.T) { writeFile(t, os.Getenv("AWS_CONFIG_FILE"), "[[[") }, nil, nil, ""},
		{"locked store", nil, func(c *Config) {
			c.Secret = func() (string, string, error) { return "", "", errors.New("the keyring is locked") }
		}, iofs.ErrPermission, "the keyring is locked"},
		{"wrong secret", nil, func(c *Config) {
			c.Secret = func() (string, string, error) { return "hunter2", "", nil }
		}, iofs.ErrPermission, "SignatureDoesNotMatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, server.URL, tt.change)
			if tt.prepare != nil {
				tt.prepare(t)
			}
			_, err := b.Stat(t.Context(), "")
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			checkError(t, err)
			if err != nil && (!strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("got %q, want it to say %q and no secret", err, tt.text)
			}
			if !b.Health().Online {
				t.Errorf("without credentials the server counts as gone: %+v", b.Health())
			}
		})
	}
}

// TestNewKeys replaces credentials under an open volume.
func TestNewKeys(t *testing.T) {
	l := newLab(t, testserver.Versitygw, func(c *Config) { hasty(c); sdkCredentials(c) })
	file := os.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	profile := func(secret string) {
		writeFile(t, file, "[default]\naws_access_key_id="+testserver.AccessKey+"\naws_secret_access_key="+secret+"\n")
	}
	if _, err := l.Stat(t.Context(), ""); !errors.Is(err, iofs.ErrPermission) {
		t.Fatalf("got %v, want %v", err, iofs.ErrPermission)
	}
	profile("old-secret")
	until(t, "the old secret is used", func() bool {
		_, err := l.Stat(t.Context(), "")
		return errors.Is(err, iofs.ErrPermission) && strings.Contains(err.Error(), "SignatureDoesNotMatch")
	})
	profile(testserver.SecretKey)
	until(t, "the new secret is used", func() bool {
		_, err := l.Stat(t.Context(), "")
		return err == nil
	})
}

// TestEchoedSecret strikes secrets out that a server sends back.
func TestEchoedSecret(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte("<Error><Code>AccessDenied</Code><Message>no " + testserver.SecretKey + " " + r.Header.Get("X-Amz-Security-Token") + "</Message></Error>"))
	}))
	defer s.Close()
	b := open(t, s.URL, func(c *Config) {
		c.Secret = func() (string, string, error) { return testserver.SecretKey, "session-token", nil }
	})
	_, err := b.Stat(t.Context(), "")
	checkError(t, err)
	if !errors.Is(err, iofs.ErrPermission) || strings.Contains(err.Error(), "session-token") || !strings.Contains(err.Error(), "[secret]") {
		t.Errorf("got %v", err)
	}
}

// TestSilentMetadataService has the last source of credentials not answer, as on a
// machine that is in no cloud. New does not ask it; what asks gives up in time.
func TestSilentMetadataService(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	var asked atomic.Int64
	go func() {
		for {
			c, err := silent.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			defer c.Close()
		}
	}()
	b := open(t, "http://127.0.0.1:1", func(c *Config) { hasty(c); sdkCredentials(c) })
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://"+silent.Addr().String())
	if asked.Load() != 0 {
		t.Error("New asked the metadata service")
	}
	for range 2 {
		done := make(chan error, 1)
		go func() {
			_, err := b.Stat(t.Context(), "")
			done <- err
		}()
		select {
		case err := <-done:
			if !errors.Is(err, iofs.ErrPermission) || errors.Is(err, backends.ErrOffline) {
				t.Errorf("got %v, want %v", err, iofs.ErrPermission)
			}
			checkError(t, err)
		case <-time.After(bound):
			t.Fatal("still waiting for credentials")
		}
	}
	if asked.Load() == 0 {
		t.Error("the metadata service was never asked")
	}
}
