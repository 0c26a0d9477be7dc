package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"sd/backends"
	"sd/backends/mem"
	"sd/internal/testserver"
)

// What comes through a pipe is in the bucket or file whole, or not at all.
func TestCopyPipes(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	s := newSandbox(t)
	s.addBucket(server, "box", "box")
	big := string(noise(9<<20 + 7)) // two parts
	for name, text := range map[string]string{"s3://box/empty": "", "s3://box/small": "small", "s3://box/big": big, "file": "text", "file2": big} {
		s.runWith(text, nil, "cp", "-", name, "--verify").want(t, 0, "", "")
		r := s.must("cp", name, "-")
		if r.out != text {
			t.Errorf("%s: got %d bytes, want the %d that were written", name, len(r.out), len(text))
		}
	}
	s.runWith("other", nil, "cp", "-", "s3://box/small").want(t, 1, "", "--overwrite always")
	s.runWith("other", nil, "cp", "-", "s3://box/small", "--overwrite", "never").want(t, 0, "", "stays")
	s.must("cat", "s3://box/small").want(t, 0, "small", "")
	s.runWith("other", nil, "cp", "-", "s3://box/small", "--overwrite", "always").want(t, 0, "", "")
	s.must("cat", "s3://box/small").want(t, 0, "other", "")
	s.runWith("x", nil, "cp", "-", "s3://box/folder/").want(t, 1, "", "is a folder")
	s.runWith("x", nil, "cp", "-", "s3://box").want(t, 1, "", "is a folder")
	s.must("log").want(t, 0, "cp - to s3://box/big", "")
	var d []description
	s.decode(&d, "stat", "s3://box/small")
	if d[0].Size != 5 || d[0].Mode == "" {
		t.Errorf("got %+v, want five bytes and a mode", d[0])
	}
	if left, _ := filepath.Glob(filepath.Join(s.home, ".sd-*")); len(left) > 0 {
		t.Errorf("%q is left behind", left)
	}
	if left, err := server.Uploads(t.Context(), "box"); err != nil || len(left) > 0 {
		t.Errorf("uploads %q are left behind (%v)", left, err)
	}
}

// A pipe that breaks leaves what was there, and no upload.
func TestBrokenPipe(t *testing.T) {
	store := mem.New(mem.Config{})
	cut := errors.New("cut")
	for _, n := range []int{3, 9 << 20} {
		in := io.MultiReader(bytes.NewReader(noise(n)), iotest.ErrReader(cut))
		first := make([]byte, min(n, streamPart))
		_, _ = io.ReadFull(in, first)
		_, err := uploadStream(t.Context(), store, "x", first, in, backends.Meta{}, backends.Cond{Absent: true})
		if !errors.Is(err, cut) {
			t.Errorf("got %v, want %v", err, cut)
		}
		if _, err := store.Stat(t.Context(), "x"); err == nil {
			t.Error("a part of it is there")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	cancel()
	if _, err := io.ReadAll(hasty(ctx, r, 0)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v from a pipe that says nothing, want that the context ended", err)
	}
	_ = w.Close()
}

// The parts grow so that their number is enough, and none is too small or too large.
func TestStreamSize(t *testing.T) {
	total, last := int64(0), int64(0)
	for num := 1; num <= 10_000; num++ {
		n := streamSize(num)
		if n < last || n > streamBuffer || n < 5<<20 {
			t.Fatalf("part %d has %d bytes after %d", num, n, last)
		}
		last = n
		total += n
	}
	if total < 400<<30 {
		t.Errorf("got %s in all", size(total))
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// A limit holds back what is written, and loses none of it.
func TestSlowed(t *testing.T) {
	var out strings.Builder
	text := string(noise(100_000))
	w := slowed(t.Context(), &out, 1<<30)
	if n, err := io.WriteString(w, text); err != nil || n != len(text) || out.String() != text {
		t.Errorf("got %d bytes, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := io.WriteString(slowed(ctx, &out, 1), text); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context ended", err)
	}
}
