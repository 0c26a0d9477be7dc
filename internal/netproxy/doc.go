// Package netproxy puts a worse network, or a worse server, in front of a good
// one, on loopback and inside the calling process. Link is a TCP proxy with the
// latency, window and bandwidth of a distant place; Faults is an HTTP proxy that
// breaks replies of S3 and Google Cloud Storage as a script says and remembers what was asked.
//
// Only tests and benchmarks import it.
package netproxy
