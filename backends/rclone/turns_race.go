//go:build race

package rclone

import "context"

// turn lets the operations of one Google Drive take turns. Each listing of rclone's writes the
// text of its query into a field that nothing but rclone's own tests reads (drive.go, lastQuery),
// without a lock. That harms nobody, but the race detector ends the program for it. So only
// where it looks, and only for this type, they do not overlap; bodies that are streamed do.
func (s *store) turn(ctx context.Context) (done func(), err error) {
	for at := s.remote; at != nil; at = at.inner() {
		if at.Type == "drive" {
			return s.writes.lock(ctx, "\x00turn")
		}
	}
	return func() {}, nil
}
