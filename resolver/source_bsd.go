//go:build darwin || freebsd

package resolver

// noAtime is nothing here.
const noAtime = 0
