package clouds

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sd/internal/clouds/drive"
	"sd/internal/clouds/dropbox"
	"sd/internal/clouds/onedrive"
	"sd/internal/testserver"
)

// The second judges are the services' own clients, in Node.js: each asserts what it
// sees on its way, and what it reads at the end must be what the fake holds.
func TestDriveByGoogle(t *testing.T) {
	c := Start(t)
	c.Drive.SetPageSize(3)
	judgeNode(t, c, "drive.cjs", "@googleapis/drive", c.Drive.Token(), drive.ClientID, drive.ClientSecret, c.Drive.Tree)
}

func TestOneDriveByMicrosoft(t *testing.T) {
	c := Start(t)
	c.OneDrive.SetPageSize(3)
	c.OneDrive.SetCopyPolls(2)
	judgeNode(t, c, "onedrive.cjs", "@microsoft/microsoft-graph-client", c.OneDrive.Token(), onedrive.ClientID, "", c.OneDrive.Tree)
}

func TestDropboxByDropbox(t *testing.T) {
	c := Start(t)
	c.Dropbox.SetPageSize(3)
	judgeNode(t, c, "dropbox.cjs", "dropbox", c.Dropbox.Token(), dropbox.ClientID, dropbox.ClientSecret, c.Dropbox.Tree)
}

func judgeNode(t *testing.T, c *Clouds, script, module, token, id, secret string, tree func() map[string]string) {
	t.Helper()
	node, err := testserver.Tool("node")
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := testserver.Package(module, "package.json")
	if err != nil {
		t.Fatal(err)
	}
	modules := strings.TrimSuffix(filepath.Dir(manifest), filepath.FromSlash("/"+module))
	cmd := exec.CommandContext(t.Context(), node, filepath.Join("testdata", script))
	cmd.Env = append(append(os.Environ(), c.Env()...),
		"NODE_PATH="+modules, "CLOUD_TOKEN="+token, "CLOUD_CLIENT_ID="+id, "CLOUD_CLIENT_SECRET="+secret)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, stderr.Bytes())
	}
	var read map[string]string
	if err := json.Unmarshal(stdout.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for name, text := range read {
		content, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if got[name] = string(content); strings.HasSuffix(name, "/") {
			got[name] = "/"
		}
	}
	if want := tree(); !maps.Equal(got, want) {
		t.Errorf("%s reads %.500q, want %.500q", script, got, want)
	}
	if len(got) < 8 {
		t.Errorf("%s leaves %d files and folders, want more", script, len(got))
	}
}
