package login

import (
	"fmt"
	"strings"
	"unicode"
)

// Provider is a service in which users log in.
type Provider struct {
	Name string // as its users call it

	authURL, tokenURL string
	deviceURL         string // "": it has no device codes, or none for these scopes
	api               string // where to ask whose token it is
	scopes            []string
	extra             map[string]string // parameters of the page that users are sent to
	host              string            // of the address to which it sends the user's browser back
	ports             []int             // of that address; nil is any
	showsCode         bool              // it shows the user a code if it is given no such address
	account           func(Provider) accountFinder
}

// Google is Google Drive: all of a user's files, to read and to write.
func Google() Provider {
	return Provider{
		Name:     "Google",
		authURL:  "https://accounts.google.com/o/oauth2/v2/auth",
		tokenURL: "https://oauth2.googleapis.com/token",
		api:      "https://www.googleapis.com/drive/v3",
		scopes:   []string{"https://www.googleapis.com/auth/drive"},
		// Without a consent there is no second refresh token.
		extra:   map[string]string{"access_type": "offline", "prompt": "consent"},
		host:    "127.0.0.1",
		account: googleAccount,
	}
}

// Regions are the national clouds of Microsoft; "" is global.
func Regions() []string { return []string{"global", "us", "cn"} }

// Microsoft is OneDrive in one of the Regions: the files that the user may read and write.
func Microsoft(region string) (Provider, error) {
	p := Provider{
		Name:    "Microsoft",
		scopes:  []string{"Files.ReadWrite.All", "offline_access"},
		host:    "localhost", // it takes any port there, and at 127.0.0.1 none
		account: microsoftAccount,
	}
	logins := ""
	switch region {
	case "", "global":
		logins, p.api = "https://login.microsoftonline.com", "https://graph.microsoft.com/v1.0"
	case "us":
		logins, p.api = "https://login.microsoftonline.us", "https://graph.microsoft.us/v1.0"
	case "cn":
		logins, p.api = "https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn/v1.0"
	default:
		return p, fmt.Errorf("%q is no region of OneDrive: there are %s", region, strings.Join(Regions(), ", "))
	}
	logins += "/common/oauth2/v2.0"
	p.authURL, p.tokenURL, p.deviceURL = logins+"/authorize", logins+"/token", logins+"/devicecode"
	return p, nil
}

// DropboxPorts are the ports of the redirect addresses that an application has to name in
// Dropbox's console, as in http://localhost:53682/. The first is the one that rclone asks
// for, so that an application that was made for it will do.
var DropboxPorts = []int{53682, 53683, 53684}

// Dropbox is all of a user's Dropbox that the application may see.
func Dropbox() Provider {
	return Provider{
		Name:      "Dropbox",
		authURL:   "https://www.dropbox.com/oauth2/authorize",
		tokenURL:  "https://api.dropboxapi.com/oauth2/token",
		api:       "https://api.dropboxapi.com/2",
		scopes:    []string{"account_info.read", "files.metadata.read", "files.metadata.write", "files.content.read", "files.content.write"},
		extra:     map[string]string{"token_access_type": "offline"},
		host:      "localhost",
		ports:     DropboxPorts,
		showsCode: true,
		account:   dropboxAccount,
	}
}

// clean makes what a service says fit for a line on a terminal.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if cut := []rune(text); len(cut) > 300 {
		text = string(cut[:300]) + "…"
	}
	return text
}
