package rclone

import (
	"context"
	"regexp"

	"sd/backends/internal/rest"
)

// carry is rest.Run for requests of rclone's. Errors tell no addresses of requests: that of an
// upload or a download is as good as a key, and file names in others could be taken for words.
func carry[T any](ctx context.Context, do func(context.Context) (T, error)) (T, error) {
	return rest.Run(ctx, verdict, func(ctx context.Context) (T, error) {
		v, err := do(ctx)
		return v, withoutAddress(err)
	})
}

// requested is how the text of an url.Error begins, which many libraries put into theirs.
var requested = regexp.MustCompile(`\b([A-Za-z]+) "(?:[^"\\]|\\.)*://(?:[^"\\]|\\.)*":`)

// addressless is an error in whose text the addresses of requests are left out.
type addressless struct {
	error
	text string
}

func (e *addressless) Error() string { return e.text }
func (e *addressless) Unwrap() error { return e.error }

func withoutAddress(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if short := requested.ReplaceAllString(text, "$1:"); short != text {
		return &addressless{err, short}
	}
	return err
}
