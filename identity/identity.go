// Package identity says which bytes are the same bytes. Two facts tell it: the
// fingerprint of a file (Print), cheap everywhere, says which files may be equal; its
// BLAKE3 (Sum) says which are. The content id is made from the Sum, so it is the same on
// every device and in every service, without asking anyone.
//
// The package reads what it is handed and keeps nothing. Empty files have no identity.
package identity

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

var (
	// ErrEmpty says that there are no bytes to tell anything by.
	ErrEmpty = errors.New("an empty file has no identity")
	// ErrLonger says that there were more bytes than was said.
	ErrLonger = errors.New("longer than expected: it has grown")
)

// Sum is the BLAKE3 of all bytes of a file. The zero Sum is that of no file.
type Sum [32]byte

// String gives 64 hex characters, lower case.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// ParseSum reads what String gives; upper case is fine.
func ParseSum(text string) (Sum, error) {
	var s Sum
	if len(text) != 2*len(s) {
		return Sum{}, fmt.Errorf("%q is no BLAKE3: want 64 hex characters", text)
	}
	if _, err := hex.Decode(s[:], []byte(text)); err != nil {
		return Sum{}, fmt.Errorf("%q is no BLAKE3: want 64 hex characters", text)
	}
	return s, nil
}

// namespace is that of content ids, for all time.
var namespace = uuid.MustParse("b7900f04-5ac1-5f42-b2e2-fe856fb27724")

// nothing is the Sum of no bytes.
var nothing = new(Hasher).Sum()

// ContentID is the name of these bytes everywhere. The zero Sum and the Sum of no bytes
// have none: uuid.Nil.
func (s Sum) ContentID() uuid.UUID {
	if s == (Sum{}) || s == nothing {
		return uuid.Nil
	}
	var text [2 * len(s)]byte
	hex.Encode(text[:], s[:])
	return uuid.NewSHA1(namespace, text[:])
}

// Print is the fingerprint of a file: 64 bits over at most 57,344 of its bytes and its
// size. Files of unlike Prints differ; files of one Print may be equal, no more.
type Print uint64

// String gives 16 hex characters, lower case.
func (p Print) String() string { return fmt.Sprintf("%016x", uint64(p)) }

// ParsePrint reads what String gives; upper case is fine.
func ParsePrint(text string) (Print, error) {
	var b [8]byte
	if len(text) != 2*len(b) {
		return 0, fmt.Errorf("%q is no fingerprint: want 16 hex characters", text)
	}
	if _, err := hex.Decode(b[:], []byte(strings.ToLower(text))); err != nil {
		return 0, fmt.Errorf("%q is no fingerprint: want 16 hex characters", text)
	}
	return Print(binary.BigEndian.Uint64(b[:])), nil
}
