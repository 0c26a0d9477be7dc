package staging

import (
	"encoding/hex"
	"hash"
	"slices"
	"strings"
	"time"

	"sd/backends"
	"sd/identity"
)

// What a store tells of an object besides its size is how ours is known again when the reply
// to a write was lost. One that carries a BLAKE3 needs no more. The others give a checksum of
// their own, or no more than a time, which may be coarse.

// checksum is one of the service's, in the form "algorithm:hex"; "" is none.
type checksum string

// hashLike makes what computes the checksum that a store gave of another version of a file, and
// tells its algorithm; nil where it gave none that can be computed and proves anything.
func hashLike(e *backends.Entry) (hash.Hash, string) {
	for _, s := range e.Sums {
		if identity.Strong(s.Algorithm) || s.Algorithm == "quickxor" {
			if h := identity.NewHash(s.Algorithm); h != nil && !strings.Contains(s.Hex, "-") {
				return h, s.Algorithm
			}
		}
	}
	return nil, ""
}

func newChecksum(algorithm string, h hash.Hash) checksum {
	return checksum(algorithm + ":" + hex.EncodeToString(h.Sum(nil)))
}

// is tells whether the store says of e that it has this checksum.
func (c checksum) is(e *backends.Entry) bool {
	return c != "" && slices.ContainsFunc(e.Sums, func(s backends.Sum) bool {
		return string(c) == s.Algorithm+":"+strings.ToLower(s.Hex)
	})
}

// otherSum tells whether the store says that a and b hold other bytes.
func otherSum(a, b *backends.Entry) bool {
	return slices.ContainsFunc(a.Sums, func(of backends.Sum) bool {
		return slices.ContainsFunc(b.Sums, func(s backends.Sum) bool { return s.Algorithm == of.Algorithm && s.Hex != of.Hex })
	})
}

// sameTime tells whether a store that was given one time may tell the other: many cut or
// round it.
func sameTime(given, told time.Time) bool {
	precision := time.Nanosecond
	for _, p := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if told.Nanosecond()%int(p) == 0 {
			precision = p
			break
		}
	}
	return given.Sub(told).Abs() < precision
}
