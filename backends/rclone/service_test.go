package rclone

import (
	"net/http"
	"slices"
	"strings"

	"sd/internal/clouds"
	"sd/internal/clouds/front"
	"sd/internal/clouds/oauth"
)

// service is what the tests ask of each of the clouds.
type service interface {
	Requests() []front.Request
	Count(route string) int
	Forget()
	Fault(func(*http.Request) http.Handler)
	LostAnswer(route string, n int)
	TornBody(route string, after, n int)
	StallBody(route string, after, n int)
	Dead(bool)
	Hang(bool)
	Heal()
	Clean()
	Tree() map[string]string
	Token() string
	SetRotation(oauth.Rotation)
	Refreshes() int
}

var kinds = []string{"drive", "onedrive", "dropbox"}

func serviceOf(c *clouds.Clouds, kind string) service {
	return map[string]service{"drive": c.Drive, "onedrive": c.OneDrive, "dropbox": c.Dropbox}[kind]
}

// seed makes a file as somebody else would.
func seed(c *clouds.Clouds, kind, name, content string) {
	switch kind {
	case "drive":
		c.Drive.Seed(name, []byte(content))
	case "onedrive":
		c.OneDrive.Seed(name, []byte(content))
	case "dropbox":
		c.Dropbox.Seed(name, []byte(content))
	}
}

// reads tells whether a request changes nothing.
func reads(route, method string) bool {
	if strings.HasPrefix(route, "oauth.") {
		return true
	}
	if strings.HasPrefix(route, "files/") || strings.HasPrefix(route, "users/") { // Dropbox, where all is POST
		return !slices.ContainsFunc([]string{"upload", "move", "copy", "delete", "create"}, func(verb string) bool {
			return strings.HasPrefix(strings.TrimPrefix(route, "files/"), verb)
		})
	}
	return method == http.MethodGet
}

// changes are the routes of the requests that changed something.
func changes(s service) (routes []string) {
	for _, r := range s.Requests() {
		if !reads(r.Route, r.Method) {
			routes = append(routes, r.Route)
		}
	}
	return routes
}

// downloads is the route by which a service gives the bytes of a file.
var downloads = map[string]string{"drive": "files.media", "onedrive": "download", "dropbox": "files/download"}

func routeOf(c *clouds.Clouds, kind string, r *http.Request) string {
	switch kind {
	case "drive":
		return c.Drive.Route(r)
	case "onedrive":
		return c.OneDrive.Route(r)
	}
	return c.Dropbox.Route(r)
}
