//go:build !linux

package main

import "runtime"

// mayMount knows nothing of this system; mounting itself will tell.
func mayMount(bool) error { return nil }

func systemChecks() []check {
	c := check{Name: "system"}
	return []check{c.warn("sd is made for Linux; on "+runtime.GOOS+" it is only known to compile", "use Linux")}
}
