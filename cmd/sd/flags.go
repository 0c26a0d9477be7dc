package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// byteSize is a flag for a number of bytes: 1048576, 256M, 1.5GiB. A bare letter
// counts in powers of 1024, as in dd and du.
type byteSize int64

func (b *byteSize) Set(s string) error {
	text := s
	if text != "" && strings.ContainsRune("kKmMgGtT", rune(text[len(text)-1])) {
		text += "iB"
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n > 1<<62 {
		return errors.New("want a size such as 256M or 2GiB")
	}
	*b = byteSize(n)
	return nil
}

func (b *byteSize) String() string { return size(int64(*b)) }

func (b *byteSize) Type() string { return "size" }

// octal is a flag for a umask.
type octal uint32

func (o *octal) Set(s string) error {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 {
		return errors.New("want an octal number such as 022")
	}
	*o = octal(n)
	return nil
}

func (o *octal) String() string { return "0" + strconv.FormatUint(uint64(*o), 8) }

func (o *octal) Type() string { return "octal" }
