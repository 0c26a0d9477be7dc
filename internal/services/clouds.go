package services

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"sd/internal/clouds"
	"sd/internal/clouds/drive"
	"sd/internal/clouds/dropbox"
	"sd/internal/clouds/front"
	"sd/internal/clouds/onedrive"
	"sd/sdpath"
)

var onedriveCannot = map[string]syscall.Errno{
	"name: control character":        syscall.EINVAL,
	"name: newline":                  syscall.EINVAL,
	"name: reserved elsewhere (CON)": syscall.EINVAL,
}

// startDrive gives the whole drive of somebody who has logged in to one of the fakes.
func startDrive(service sdpath.Service) func(testing.TB) *Running {
	return func(t testing.TB) *Running {
		t.Helper()
		c := clouds.Start(t)
		wire := newWire(t, strings.TrimPrefix(c.ProxyURL, "http://"))
		v := Volume{Service: service, Config: map[string]string{}, Secret: map[string]string{}, CACert: c.CAFile}
		var door *front.Front
		var seed func(name string, content []byte) string
		busy := tooMany(`{"error": {"code": "activityLimitReached", "message": "too many requests"}}`)
		switch service {
		case sdpath.GDrive:
			door, busy = c.Drive.Front, drive.Refuse(http.StatusForbidden, "userRateLimitExceeded")
			seed = c.Drive.Seed
			v.Identifier, v.Config["root"], v.Config["client_id"] = "My Drive", "my", drive.ClientID
			v.Secret["client_secret"], v.Secret["token"] = drive.ClientSecret, c.Drive.Token()
		case sdpath.OneDrive:
			door, seed = c.OneDrive.Front, c.OneDrive.Seed
			v.Identifier, v.Config["client_id"] = "OneDrive", onedrive.ClientID
			v.Config["drive_id"], v.Config["drive_type"] = onedrive.DriveID, onedrive.DriveType
			v.Secret["token"] = c.OneDrive.Token()
		case sdpath.Dropbox:
			door, busy = c.Dropbox.Front, tooMany(`{"error_summary": "too_many_requests/..", "error": {"reason": {".tag": "too_many_requests"}, "retry_after": 1}}`)
			seed = c.Dropbox.Seed
			v.Identifier, v.Config["client_id"] = "Dropbox", dropbox.ClientID
			v.Secret["client_secret"], v.Secret["token"] = dropbox.ClientSecret, c.Dropbox.Token()
		}
		direct := v
		direct.Proxy, v.Proxy = c.ProxyURL, "http://"+wire.Addr()
		r := &Running{Volume: v, Direct: direct, Faults: clouded{wire, door, busy}}
		r.Seed = func(name string, content []byte) error {
			seed(name, content)
			return nil
		}
		return r
	}
}

// tooMany is the answer of a service that is asked too often.
func tooMany(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, body)
	})
}
