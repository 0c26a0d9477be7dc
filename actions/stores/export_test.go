//go:build unix

package stores

// HoldOpen has walks hold so few folders open.
func (l *Local) HoldOpen(folders int) { l.maxOpen = folders }
