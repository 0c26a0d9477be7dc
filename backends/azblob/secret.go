package azblob

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// askAgain is the least time between two calls of Config.Secret.
const askAgain = 2 * time.Second

// mostSeen is how many secrets, and other forms of them, are struck out of text.
const mostSeen = 32

// secrets asks for the secret of the configuration, and strikes those it got out of text.
type secrets struct {
	ask func() (string, error)

	mu    sync.Mutex
	asked time.Time
	last  string
	err   error
	seen  []string
}

// get returns the secret; fresh, if it was not asked for a moment ago.
func (s *secrets) get() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.asked.IsZero() && time.Since(s.asked) < askAgain {
		return s.last, s.err
	}
	s.last, s.err = s.ask()
	s.last, s.asked = strings.TrimSpace(s.last), time.Now()
	s.keep(s.last)
	if _, query, ok := strings.Cut(s.last, "?"); ok {
		s.keep(query)
	}
	if values, err := url.ParseQuery(s.last[strings.IndexByte(s.last, '?')+1:]); err == nil && values.Has("sig") {
		sig := values.Get("sig")
		s.keep(sig)
		s.keep(url.QueryEscape(sig))
		s.keep(strings.ToLower(url.QueryEscape(sig)))
	}
	return s.last, s.err
}

// keep notes a text that redact strikes out. It needs s.mu.
func (s *secrets) keep(text string) {
	if len(text) < 4 || slices.Contains(s.seen, text) {
		return
	}
	if s.seen = append(s.seen, text); len(s.seen) > mostSeen {
		s.seen = slices.Delete(s.seen, 0, 1)
	}
}

// hide is keep for secrets of another source.
func (s *secrets) hide(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(text)
}

// redact strikes our secrets out of text that came from elsewhere.
func (s *secrets) redact(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range s.seen {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	return text
}
