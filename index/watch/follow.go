package watch

import "context"

// Follow takes over which locations there are, for one who never Starts the Watcher but tells
// it what he changes in volumes, and then Closes it.
func (w *Watcher) Follow(ctx context.Context) error {
	list, err := w.lib.Locations(ctx)
	if err != nil {
		return err
	}
	w.changes.follow(list)
	return nil
}
