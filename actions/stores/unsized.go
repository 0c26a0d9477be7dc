package stores

import (
	"context"
	"errors"

	"sd/backends"
)

// sized describes what a list yields with its whole name. Documents whose size the list does not
// tell are asked for, one by one; one that cannot be had is Special, so that nobody takes it for
// empty, for gone or for a file to be written over.
func (v *Volume) sized(ctx context.Context, is *backends.Entry) (Entry, error) {
	if !is.Unsized {
		return v.Entry(is), nil
	}
	now, err := v.backend.Stat(ctx, is.Name)
	switch {
	case err == nil:
		now.Name = is.Name
		return v.Entry(&now), nil
	case ctx.Err() != nil || errors.Is(err, backends.ErrOffline):
		return Entry{}, err
	}
	e := v.Entry(is)
	e.Kind = Special
	return e, nil
}
