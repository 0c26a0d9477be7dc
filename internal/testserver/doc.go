// Package testserver runs real servers of object stores as child processes on free loopback
// ports, each over a temporary directory of its own, and puts objects into them.
//
// Only tests and benchmarks import it. Start functions return errors; the
// functions that take a testing.TB fail the test instead and stop the server when
// it ends. A server also dies with the process that started it (on Linux and
// FreeBSD, even if that one is killed).
package testserver
