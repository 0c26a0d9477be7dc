package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"sd/backends"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// reachTimeout bounds how long a volume may take to show that it is there.
const reachTimeout = 10 * time.Second

// reach asks v for its root, and says how long the answer took.
func (p *places) reach(ctx context.Context, v *resolver.Volume) (time.Duration, error) {
	v, err := p.opened(ctx, v)
	if err != nil {
		return 0, err
	}
	took, err := ask(ctx, v.Backend)
	if err != nil && expired(v) {
		err = &expiredError{v.Info.Name, err}
	}
	return took, err
}

// ask asks for the root of a store, within reachTimeout.
func ask(ctx context.Context, b backends.Backend) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	began := time.Now()
	_, err := b.Stat(ctx, "")
	return time.Since(began), err
}

// expired tells whether the login of v has ended, as far as its backend knows.
func expired(v *resolver.Volume) bool {
	if v == nil {
		return false
	}
	h, ok := v.Backend.(backends.HealthReporter)
	return ok && h.Health().Expired
}

// loginCommand is what renews a login.
func loginCommand(volume string) string { return "sd volume login " + shellWord(volume) }

// expiredError says that what failed did so because a login has ended.
type expiredError struct {
	volume string
	err    error
}

func (e *expiredError) Error() string {
	return fmt.Sprintf("the login of volume %s has ended: '%s' renews it", quote(e.volume), loginCommand(e.volume))
}

func (e *expiredError) Unwrap() error { return e.err }

// reachError says what to do about a volume that cannot be used.
func reachError(v library.Volume, err error) error {
	what, flags := "bucket", "--bucket, --endpoint and --region"
	network := "the network and --endpoint"
	switch v.Service {
	case sdpath.AzBlob:
		what, flags = "container", "--container, --account and --endpoint"
	case sdpath.GCS:
		flags = "--bucket and --endpoint"
	case sdpath.GDrive:
		what, flags, network = "drive", "--drive", "the network"
	case sdpath.OneDrive, sdpath.Dropbox:
		what, flags, network = "folder", "--folder", "the network"
	case sdpath.Rclone:
		what, flags, network = "remote", "its settings with 'rclone config'", "the network, and its settings with 'rclone config'"
	}
	switch text := bare(err); {
	case errors.As(err, new(*expiredError)), errors.As(err, new(*secretError)):
		return text
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s %s: %w: check %s", what, quote(v.Identifier), text, flags)
	case errors.Is(err, backends.ErrOffline), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s %s: %w: check %s", what, quote(v.Identifier), text, network)
	default:
		return fmt.Errorf("%s %s: %w", what, quote(v.Identifier), text)
	}
}

// closeBackend ends the use of a backend that is in nobody's hands.
func closeBackend(b backends.Backend) {
	if c, ok := b.(io.Closer); ok {
		_ = c.Close()
	}
}
