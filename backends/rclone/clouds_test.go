package rclone

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/internal/clouds"
	"sd/internal/clouds/drive"
	"sd/internal/clouds/dropbox"
	"sd/internal/clouds/onedrive"
)

// cloudConfig is how a service of c is opened.
func cloudConfig(c *clouds.Clouds, kind string) Config {
	cfg := Config{Type: kind, Name: "test", HTTPProxy: c.ProxyURL, CACert: c.CAFile, Account: "someone@example.org", Poll: 50 * time.Millisecond}
	secrets := map[string]string{}
	switch kind {
	case "drive":
		cfg.Options = map[string]string{"client_id": drive.ClientID, "scope": "drive"}
		secrets["client_secret"], secrets["token"] = drive.ClientSecret, c.Drive.Token()
	case "onedrive":
		cfg.Options = map[string]string{"client_id": onedrive.ClientID, "drive_id": onedrive.DriveID, "drive_type": onedrive.DriveType}
		secrets["token"] = c.OneDrive.Token()
	case "dropbox":
		cfg.Options = map[string]string{"client_id": dropbox.ClientID}
		secrets["token"] = c.Dropbox.Token()
	}
	cfg.Secrets = func() (map[string]string, error) { return secrets, nil }
	return cfg
}

func clean(c *clouds.Clouds, kind string) {
	switch kind {
	case "drive":
		c.Drive.Clean()
	case "onedrive":
		c.OneDrive.Clean()
	case "dropbox":
		c.Dropbox.Clean()
	}
}

func TestClouds(t *testing.T) {
	c := clouds.Start(t)
	throughProxy(t, c)
	for _, kind := range []string{"drive", "onedrive", "dropbox"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			backendtest.Run(t, func(t *testing.T) backends.Backend {
				clean(c, kind)
				return open(t, cloudConfig(c, kind))
			}, backendtest.Options{PageSize: 5, CanHold: cloudHolds[kind]})
		})
	}
}

// cloudHolds tells what the services can hold.
var cloudHolds = map[string]func(string) bool{
	"drive":    writable,
	"onedrive": func(name string) bool { return writable(name) && short(name, 255) && len(name) < 400 },
	"dropbox":  func(name string) bool { return writable(name) && short(name, 255) },
}

func short(name string, most int) bool {
	for seg := range strings.SplitSeq(name, "/") {
		if utf8.RuneCountInString(seg) > most {
			return false
		}
	}
	return true
}

// writable tells whether sd writes such a name by way of rclone.
func writable(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// throughProxy makes the default HTTP client, with which rclone asks Dropbox for changes, go
// through the proxy of c, as the environment has it elsewhere.
func throughProxy(t *testing.T, c *clouds.Clouds) {
	t.Helper()
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	old := http.DefaultTransport
	http.DefaultTransport = client.Transport
	t.Cleanup(func() { http.DefaultTransport = old })
}
