// Package login gets a token from a cloud service for the user who sits before a browser.
package login

import _ "golang.org/x/oauth2"
