package compare

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"sd/actions/stores"
	"sd/identity"
)

// Summable tells whether BySums can judge a local file against object, which costs a read of the
// local file and no request.
func Summable(object *stores.Entry) bool {
	algorithm, _ := strongest(object)
	return object.Proven || algorithm != ""
}

// BySums reads a local file and compares its checksum with one that the provider tells of an
// object of the same size, or its BLAKE3 with that of an object or content that is proven. Only strong
// checksums count. It is Unknown where there is none, and
// where the file has changed since it was described. Unequal checksums are Different, though a provider
// that encrypts may call something a checksum that is none.
func BySums(ctx context.Context, local, object *stores.Entry) (Verdict, error) {
	algorithm, like := strongest(object)
	if !Summable(object) || local.Kind != stores.File || object.Kind != stores.File {
		return Unknown, nil
	}
	if local.Size != object.Size {
		return Different, nil
	}
	f, err := os.OpenFile(local.Name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Unknown, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Unknown, err
	}
	if !info.Mode().IsRegular() || info.Size() != local.Size {
		return Unknown, nil
	}
	var got string
	if object.Proven {
		var sum identity.Sum
		sum, _, err = identity.File(ctx, f, local.Size, nil)
		got, like = sum.String(), object.Sum.String()
	} else {
		got, err = identity.Checksum(ctx, f, local.Size, algorithm, like)
	}
	switch {
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, identity.ErrEmpty), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, fs.ErrNotExist):
		return Unknown, nil
	case err != nil:
		return Unknown, err
	}
	after, err := f.Stat()
	if err != nil {
		return Unknown, err
	}
	if !after.ModTime().Equal(local.ModTime) || after.Size() != local.Size {
		return Unknown, nil
	}
	return verdict(strings.EqualFold(got, like)), nil
}

// strongest is the strongest checksum of e that can be computed here.
func strongest(e *stores.Entry) (algorithm, hex string) {
	for _, s := range e.Sums {
		if !identity.Strong(s.Algorithm) || !identity.Known(s.Algorithm) {
			continue
		}
		if algorithm == "" || algorithm == "etag-multipart" || s.Algorithm == "sha256" {
			algorithm, hex = s.Algorithm, s.Hex
		}
	}
	return algorithm, hex
}
