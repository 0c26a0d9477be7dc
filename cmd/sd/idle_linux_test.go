package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"sd/sdpath"
)

// TestNobodyIsContacted mounts a volume of each service: none is asked for anything before
// it is used, and all are there.
func TestNobodyIsContacted(t *testing.T) {
	var contacts atomic.Int64
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			contacts.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	s := newSandbox(t)
	s.env = append(s.env, "HTTPS_PROXY="+server.URL, "HTTP_PROXY="+server.URL, "NO_PROXY=") // for services that have no endpoint to set
	add := func(input string, flags ...string) {
		t.Helper()
		s.runWith(input, nil, append([]string{"volume", "add-cloud", "--no-check", "--service"}, flags...)...).want(t, 0, "added", "")
	}
	for _, service := range []string{"s3", "wasabi", "spaces", "b2"} {
		add("secret", service, service, "--bucket", "b", "--endpoint", server.URL, "--access-key-id", "k", "--secret-stdin")
	}
	add("", "gcs", "gcs", "--bucket", "bucket", "--endpoint", server.URL, "--anonymous")
	add("c2VjcmV0", "azblob", "azblob", "--account", "account", "--container", "box", "--endpoint", server.URL, "--secret-stdin")
	config := filepath.Join(s.home, ".config", "rclone", "rclone.conf")
	const token = `{"access_token":"a","refresh_token":"r","expiry":"2030-01-01T00:00:00Z"}`
	writeFile(t, config, fmt.Sprintf("[gdrive]\ntype = drive\nclient_id = i\ntoken = %s\n\n[onedrive]\ntype = onedrive\nclient_id = i\ndrive_id = d\ndrive_type = personal\ntoken = %s\n\n"+
		"[dropbox]\ntype = dropbox\nclient_id = i\ntoken = %s\n\n[web]\ntype = webdav\nurl = %s\n", token, token, token, server.URL))
	s.must("volume", "import-rclone", "--yes", "--no-check")

	var rows []volumeRow
	s.decode(&rows, "volume", "list")
	services := map[string]bool{}
	for _, row := range rows {
		if row.Kind == "cloud" {
			services[row.Service] = true
		}
	}
	if len(services) != len(sdpath.Services()) {
		t.Fatalf("there are volumes of %v, want all of %v", services, sdpath.Services())
	}
	mountpoint, _ := s.mount()
	for service := range services {
		list, err := os.ReadDir(filepath.Join(mountpoint, service))
		if err != nil || len(list) != 1 {
			t.Errorf("%s: got %v, %v, want one volume", service, list, err)
		}
	}
	s.must("status").want(t, 0, "not asked yet", "")
	if n := contacts.Load(); n != 0 {
		t.Errorf("%d connections were made before anything was used, want none", n)
	}
	_, err := os.Stat(filepath.Join(mountpoint, "s3", "b", "x"))
	if n := contacts.Load(); n == 0 {
		t.Errorf("no connection was made when a volume was used (%v): they are not counted", err)
	}
}
