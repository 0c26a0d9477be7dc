package source

import (
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadsItsPartAgain(t *testing.T) {
	t.Parallel()
	r := strings.NewReader("before content after")
	if _, err := r.Seek(7, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	s, err := New(r, 7)
	if err != nil {
		t.Fatal(err)
	}
	want := crc32.Checksum([]byte("content"), crc32.MakeTable(crc32.Castagnoli))
	if sum, err := s.CRC32C(); err != nil || sum != want {
		t.Errorf("CRC32C = %x, %v, want %x", sum, err, want)
	}
	for range 2 {
		if text, err := io.ReadAll(s); err != nil || string(text) != "content" {
			t.Errorf("got %q, %v", text, err)
		}
		if err := s.Rewind(); err != nil {
			t.Fatal(err)
		}
	}
	if end, err := s.Seek(-3, io.SeekEnd); err != nil || end != 4 {
		t.Errorf("3 before the end is %d, %v, want 4", end, err)
	}
	if _, err := s.Seek(-1, io.SeekStart); err == nil {
		t.Error("a seek before the beginning succeeded")
	}
	if s.Err() != nil {
		t.Errorf("got error %v", s.Err())
	}
}

type broken struct {
	io.Reader
	io.Seeker
}

func TestFailureIsNotTheServers(t *testing.T) {
	t.Parallel()
	fire := errors.New("disk on fire")
	for _, r := range []io.ReadSeeker{
		broken{io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(fire)), strings.NewReader("")},
		strings.NewReader("abc"),
	} {
		s, err := New(r, 10)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(s)
		var own *Error
		if !errors.As(err, &own) || own.RetryableError() || s.Err() != err {
			t.Errorf("got %v, and Err %v; want an Error that is not tried again", err, s.Err())
		}
	}
}
