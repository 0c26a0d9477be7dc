package identity

import (
	"hash"
)

// NewHash makes what computes a provider's checksum over bytes that pass by; nil for one that
// is not Known, or that is over parts.
func NewHash(algorithm string) hash.Hash {
	create := algorithms[algorithm]
	if create == nil || algorithm == "etag-multipart" {
		return nil
	}
	return create()
}
