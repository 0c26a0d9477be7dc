// Package services is the table of the services that a volume can lie on, each with a server
// that runs on this machine. What holds for every service is tested by going through it.
//
// Only tests and benchmarks import it.
package services

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"sd/backends"
	"sd/sdpath"
)

// Volume names a volume of any service as the library and the store of secrets keep it. It can
// be kept as JSON, so that another process of a test opens the same one.
type Volume struct {
	Service    sdpath.Service
	Identifier string
	Config     map[string]string // as in library.Volume
	Secret     map[string]string
	// Proxy and CACert lead to services that have no endpoint of their own to set: a URL, and
	// the file of a certificate in PEM.
	Proxy, CACert string
}

// Limits bound what a backend waits for; 0 is its own default.
type Limits struct {
	Patience, Stall, ProbeEvery time.Duration
	Poll                        time.Duration // between questions for changes of others
	PageSize                    int
}

// Patient takes no busy machine for a dead server.
var Patient = Limits{Patience: 30 * time.Second, Stall: 30 * time.Second, ProbeEvery: 20 * time.Millisecond}

// Open makes the volume's backend, which asks nobody anything before it is used. The caller
// closes it where it is an io.Closer.
func (v Volume) Open(l Limits) (backends.Backend, error) {
	open := openers[v.Service]
	if open == nil {
		return nil, fmt.Errorf("%s has no server here", v.Service)
	}
	return open(v, l)
}

// openers say what opens the volumes of each service.
var openers = map[sdpath.Service]func(Volume, Limits) (backends.Backend, error){
	sdpath.S3:       openS3,
	sdpath.Wasabi:   openS3,
	sdpath.Spaces:   openS3,
	sdpath.B2:       openS3,
	sdpath.GCS:      openGCS,
	sdpath.AzBlob:   openAzBlob,
	sdpath.GDrive:   openDrive,
	sdpath.OneDrive: openDrive,
	sdpath.Dropbox:  openDrive,
	sdpath.Rclone:   openRemote,
}

// A Service is one row of the table: a service, or one kind of remote of a service that has many.
type Service struct {
	Name    string // "s3", "gcs", "webdav", …
	Service sdpath.Service
	// Cannot names what the service does not do of what tests try, with what a program gets.
	Cannot map[string]syscall.Errno
	// Reads is how many requests it takes to read a small file that was listed; 0 is one.
	Reads int
	// Like names the row whose code and kind of server it shares; "" where it has its own.
	Like  string
	start func(t testing.TB) *Running
}

// A Running is an empty volume on a server of its own.
type Running struct {
	// Volume reaches the server through Faults.
	Volume
	// Direct reaches it round them.
	Direct Volume
	Faults Faults
	// Seed makes a file at the server itself, and the folders above it. nil: only a Put can.
	Seed func(name string, content []byte) error
}

// Faults stand between a volume and its server. They are safe for concurrent use.
type Faults interface {
	// Count is how many requests came since Forget; of a service whose requests cannot be told
	// apart on the wire it is how many connections came.
	Count() int
	Forget()
	// Pass ends whatever is in force.
	Pass() error
	// Refuse breaks all connections and has new ones refused.
	Refuse() error
	// Die has everything accepted and nothing answered.
	Die()
	// Cut breaks replies after n bytes of their body (or of what the server sends).
	Cut(n int64)
	// Busy has every request answered by what the service says when it is overloaded; false
	// where that cannot be made.
	Busy() bool
}

// All gives every service that can run here.
func All() []Service { return append([]Service(nil), table...) }

// Named gives the services of these names, in their order.
func Named(names ...string) []Service {
	var list []Service
	for _, name := range names {
		for _, s := range table {
			if s.Name == name {
				list = append(list, s)
			}
		}
	}
	return list
}

// Start starts the service's server for the length of a test.
func (s Service) Start(t testing.TB) *Running {
	t.Helper()
	return s.start(t)
}

var table = []Service{
	{"s3", sdpath.S3, versitygwCannot, 0, "", startS3(sdpath.S3)},
	{"wasabi", sdpath.Wasabi, versitygwCannot, 0, "s3", startS3(sdpath.Wasabi)},
	{"spaces", sdpath.Spaces, versitygwCannot, 0, "s3", startS3(sdpath.Spaces)},
	{"b2", sdpath.B2, versitygwCannot, 0, "s3", startS3(sdpath.B2)},
	{"gcs", sdpath.GCS, gcsCannot, 0, "", startGCS},
	{"azblob", sdpath.AzBlob, azblobCannot, 0, "", startAzBlob},
	{"webdav", sdpath.Rclone, remoteCannot, 2, "", startRemote("webdav")},
	{"sftp", sdpath.Rclone, remoteCannot, 0, "webdav", startRemote("sftp")},
	{"gdrive", sdpath.GDrive, remoteCannot, 0, "", startDrive(sdpath.GDrive)},
	{"onedrive", sdpath.OneDrive, onedriveCannot, 3, "", startDrive(sdpath.OneDrive)},
	{"dropbox", sdpath.Dropbox, remoteCannot, 0, "", startDrive(sdpath.Dropbox)},
}
