//go:build !linux

package rest

import "syscall"

// dropDeadPeers does nothing here: a dead pooled connection is noticed by its stall.
func dropDeadPeers(_, _ string, _ syscall.RawConn) error { return nil }
