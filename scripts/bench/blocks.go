//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"
)

// blockSize is how much is read or written at once.
const blockSize = 1 << 20

// blocks is the content of the large files: each block begins with its number, the
// rest is noise. So a reader can see for next to nothing that it got the right bytes.
type blocks struct {
	next, end uint64
	block     []byte
	off       int // of what is not read yet, in block
}

func newBlocks(size int64) *blocks {
	b := &blocks{end: uint64(size / blockSize), block: make([]byte, blockSize), off: blockSize}
	noise := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < blockSize; i += 8 {
		binary.LittleEndian.PutUint64(b.block[i:], noise.Uint64())
	}
	return b
}

func (b *blocks) Read(p []byte) (int, error) {
	if b.off == blockSize {
		if b.next == b.end {
			return 0, io.EOF
		}
		binary.LittleEndian.PutUint64(b.block, b.next)
		b.next, b.off = b.next+1, 0
	}
	n := copy(p, b.block[b.off:])
	b.off += n
	return n, nil
}

// readBlocks opens a file of blocks and reads it to the end. It tells when the first
// block was there and when the last, both from before the open.
func readBlocks(ctx context.Context, name string, size int64) (first, all time.Duration, err error) {
	start := time.Now()
	err = eachBlock(ctx, name, size, func(i uint64) {
		if i == 0 {
			first = time.Since(start)
		}
	})
	return first, time.Since(start), err
}

// eachBlock opens a file of blocks and calls seen for each, once it was read.
func eachBlock(ctx context.Context, name string, size int64, seen func(i uint64)) error {
	buf := make([]byte, blockSize)
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for i := range uint64(size / blockSize) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if _, err := io.ReadFull(f, buf); err != nil {
			return fmt.Errorf("read %s at %d MiB: %w", name, i, err)
		}
		if got := binary.LittleEndian.Uint64(buf); got != i {
			return fmt.Errorf("%s at %d MiB has the bytes of another place", name, i)
		}
		seen(i)
	}
	return nil
}

// tries is how often a figure that others can spoil is taken: a thrifty system drops
// pages of its cache at any time, and a virtual disk shares its host's.
const tries = 3

// bestOf gives the shortest of all tries.
func bestOf(measure func() (time.Duration, error)) (best time.Duration, err error) {
	for i := range tries {
		took, err := measure()
		if err != nil {
			return 0, err
		}
		if i == 0 || took < best {
			best = took
		}
	}
	return best, nil
}

// reread reads a file that should be in the page cache.
func reread(ctx context.Context, name string, size int64) (time.Duration, error) {
	return bestOf(func() (time.Duration, error) {
		_, took, err := readBlocks(ctx, name, size)
		return took, err
	})
}

// writeBlocks makes a file of blocks, durable when it returns.
func writeBlocks(ctx context.Context, name string, size int64) (time.Duration, error) {
	b := newBlocks(size)
	start := time.Now()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for i := range uint64(size / blockSize) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		binary.LittleEndian.PutUint64(b.block, i)
		if _, err := f.Write(b.block); err != nil {
			return 0, err
		}
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	err = f.Close()
	return time.Since(start), err
}

// mibPerSecond is a rate.
func mibPerSecond(bytes int64, d time.Duration) float64 {
	return float64(bytes) / (1 << 20) / d.Seconds()
}
