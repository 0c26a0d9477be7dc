//go:build darwin || freebsd

package main

import "syscall"

// changeTime is the ctime of a file, in nanoseconds.
func changeTime(st *syscall.Stat_t) int64 { return st.Ctimespec.Nano() }
