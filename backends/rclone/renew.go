package rclone

import (
	"encoding/json"
	"maps"
	"strings"
	"time"
)

// A service may end an access token before its time: because of another password, or because
// the clock here was wrong when it came. rclone renews it by the clock alone, so such a token is
// given to it as one that is too old.

// renewal is what is known of access tokens that ended before their time. It is guarded by
// store.mu.
type renewal struct {
	dead map[string]bool // access tokens that the service takes no more
	last time.Time       // when one was noted
}

// renewEvery is how often a token that ended before its time is renewed.
const renewEvery = time.Minute

// notRenewed are texts of services that refuse to renew a token.
var notRenewed = []string{"invalid_grant", "invalid_client", "unauthorized_client", "no refresh token", "empty token"}

// renews tells whether err says no more than that c's access token has ended. The next connection
// then renews it, unless one was renewed right before: the login has ended only when its renewal
// was refused.
func (s *store) renews(c *conn, err error) bool {
	text := strings.ToLower(err.Error())
	for _, refusal := range notRenewed {
		if strings.Contains(text, refusal) {
			return false
		}
	}
	dead := map[string]bool{}
	for _, o := range registered(c.section) {
		if o.name != "" && !s.remote.standsOn(o.name) {
			continue
		}
		token, _ := o.Get("token")
		if t := parseToken(token); t["refresh_token"] != nil && t["access_token"] != nil {
			dead[string(t["access_token"])] = true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(dead) > 0 && time.Since(s.login.last) >= renewEvery {
		s.login.dead, s.login.last = dead, time.Now()
	}
	return len(dead) > 0
}

// toRenew gives a token to rclone: if the service takes it no more, as one that is too old.
func (s *store) toRenew(token string) string {
	t := parseToken(token)
	s.mu.Lock()
	dead := s.login.dead[string(t["access_token"])]
	s.mu.Unlock()
	if !dead {
		return token
	}
	t = maps.Clone(t)
	t["expiry"] = json.RawMessage(`"2001-01-01T00:00:00Z"`)
	text, err := json.Marshal(t)
	if err != nil {
		return token
	}
	return string(text)
}

// parseToken reads the fields of a token; there are none in what is no token.
func parseToken(token string) (fields map[string]json.RawMessage) {
	_ = json.Unmarshal([]byte(token), &fields)
	return fields
}
