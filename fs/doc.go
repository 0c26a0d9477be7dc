// Package fs serves the tree
//
//	<mountpoint>/local/<device>/…      the real file systems of this device
//	<mountpoint>/<service>/<volume>/…  cloud volumes, such as s3/my-bucket
//
// through FUSE. It is the only importer of go-fuse.
//
// A request goes through three layers. raw counts it and carries what go-fuse's
// node API leaves out; go-fuse's bridge finds the node; the node does the work
// and answers with an errno. Nodes come in two families below small fixed roots
// (root.go): localNode is POSIX on system calls, objectNode is a Backend.
//
// Lock order: localNode.mu, then the locks of go-fuse. No lock is held across a
// system call that may block for long, a request to a provider, or a
// notification to the kernel.
package fs
