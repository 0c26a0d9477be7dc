package rclone

import (
	"context"
	"maps"
	"time"

	"sd/backends/internal/rest"
)

// login is what is known of the secrets. It is guarded by store.mu.
type login struct {
	refused error             // why the service does not take them any more, nil if it does
	secrets map[string]string // that were refused
	asked   time.Time         // when they were last asked for
	renewal                   // of tokens
}

// askEvery is how often new secrets are asked for after a refusal. Right after one they are asked
// for at once: another process may just have used up the token and saved the one that it got.
const askEvery = 2 * time.Second

// connect returns the open remote, which it opens as part of the operation of ctx if need be.
func (s *store) connect(ctx context.Context) (*conn, error) {
	s.mu.Lock()
	c := s.conn
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	select {
	case s.connecting <- struct{}{}:
		defer func() { <-s.connecting }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	c, refused := s.conn, s.login.refused
	if c == nil && refused != nil && time.Since(s.login.asked) < askEvery {
		s.mu.Unlock()
		return nil, refused
	}
	first := s.login.asked.IsZero()
	if refused != nil { // only the first time after a refusal is never too early
		s.login.asked = time.Now()
	}
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	secrets, err := s.secrets()
	if err == nil && refused != nil && s.wereRefused(secrets) && first && rest.Pause(ctx, saving) {
		secrets, err = s.secrets()
	}
	switch {
	case err != nil:
		return nil, err
	case refused != nil && s.wereRefused(secrets):
		return nil, refused
	}
	c, err = s.open(ctx, secrets)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = c
	return c, nil
}

// saving is how long another process may take to save a token that it has just renewed.
const saving = 250 * time.Millisecond

func (s *store) secrets() (map[string]string, error) {
	if s.cfg.Secrets == nil {
		return map[string]string{}, nil
	}
	secrets, err := s.cfg.Secrets()
	if err != nil {
		return nil, &loginError{text: "there are no credentials: " + err.Error(), reason: err}
	}
	return secrets, nil
}

// wereRefused tells whether these are the secrets that the service did not take.
func (s *store) wereRefused(secrets map[string]string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Equal(secrets, s.login.secrets)
}

// refuse takes note if err says that the login of c has ended, and more than its access token.
func (s *store) refuse(c *conn, err error) {
	if !expired(err) || s.renews(c, err) {
		return
	}
	why := s.expiredError(err) // which locks s.mu
	s.mu.Lock()
	defer s.mu.Unlock()
	s.login.refused = why
	s.login.secrets = maps.Clone(c.options.given)
}

// ended closes c, whose login the service has ended, as err says. nil is one that was never open.
func (s *store) ended(c *conn, err error) {
	if c == nil {
		return
	}
	s.mu.Lock()
	current := s.conn == c
	if current {
		s.conn, s.before = nil, c
	}
	s.mu.Unlock()
	if current {
		s.seen.dropTree("")
		s.refuse(c, err)
		c.close()
	}
}

// welcomed notes that the service takes the login of c.
func (s *store) welcomed(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == c && s.login.refused != nil {
		s.login.refused, s.login.secrets = nil, nil
	}
}
