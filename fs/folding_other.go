//go:build !linux

package fs

import "context"

// renamesCase cannot be told here.
func renamesCase(ctx context.Context, fold folding, name, label string) bool { return false }
