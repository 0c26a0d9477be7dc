package s3

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// credentialError is a failure to find out who we are. No request was sent.
type credentialError struct{ error }

func (e *credentialError) Unwrap() error { return e.error }

// keys asks a provider for credentials. Asking may be slow, where the last resort is
// the metadata service of a machine that is not in any cloud; so a failure is
// remembered for as long as asking may take, and no answer in time is one.
type keys struct {
	provider aws.CredentialsProvider
	patience time.Duration

	mu     sync.Mutex
	failed error
	until  time.Time
	last   aws.Credentials
}

// Retrieve is the SDK's question.
func (k *keys) Retrieve(ctx context.Context) (aws.Credentials, error) {
	k.mu.Lock()
	failed, until := k.failed, k.until
	k.mu.Unlock()
	if failed != nil && time.Now().Before(until) {
		return aws.Credentials{}, failed
	}
	limited, cancel := context.WithTimeout(ctx, k.patience)
	defer cancel()
	got, err := k.provider.Retrieve(limited)
	if err != nil && ctx.Err() != nil {
		return aws.Credentials{}, err
	}
	if err != nil {
		if limited.Err() != nil {
			err = errors.New("no source of credentials answered in time")
		}
		err = &credentialError{err}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failed, k.until = err, time.Now().Add(k.patience)
	if err == nil {
		k.last = got
	}
	return got, err
}

// redact strikes our secrets out of text that came from elsewhere.
func (k *keys) redact(text string) string {
	if k == nil {
		return text
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, secret := range []string{k.last.SecretAccessKey, k.last.SessionToken} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[secret]")
		}
	}
	return text
}

// given returns the credentials of the configuration.
func (b *Backend) given(context.Context) (aws.Credentials, error) {
	secret, token, err := b.cfg.Secret()
	if err != nil {
		return aws.Credentials{}, err
	}
	if secret == "" {
		return aws.Credentials{}, errors.New("the secret of the access key is not stored")
	}
	return aws.Credentials{
		AccessKeyID:     b.cfg.AccessKeyID,
		SecretAccessKey: secret,
		SessionToken:    token,
		Source:          "sd",
	}, nil
}

// credentialPatience ends before that of an operation, so that the reason is told.
func (b *Backend) credentialPatience() time.Duration {
	if b.cfg.Patience > 0 {
		return b.cfg.Patience * 8 / 10
	}
	return 3500 * time.Millisecond
}
