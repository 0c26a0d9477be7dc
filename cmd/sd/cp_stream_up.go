package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"sd/actions/stores"
	"sd/backends"
)

const (
	streamPart   = 8 << 20  // of the first parts, and what is sent in one piece
	streamLarge  = 64 << 20 // of the last ones
	streamBuffer = 96 << 20 // all that are being sent
)

// streamSize is the size of a part of something whose length nobody knows: the first ones are
// small, so that short things are quick, and later ones are larger, so that their number is
// enough for some 440 GiB.
func streamSize(num int) int64 {
	switch {
	case num <= 500:
		return streamPart
	case num <= 1500:
		return 2 * streamPart
	case num <= 3000:
		return 4 * streamPart
	}
	return streamLarge
}

// inputToVolume writes in to an object: in one piece if it is short, else in parts that are
// sent while it is read. Nothing is under the name before all is there.
func inputToVolume(ctx context.Context, v *stores.Volume, name string, in io.Reader, cond backends.Cond) (stores.Entry, error) {
	b, meta := v.Backend(), volumeMeta()
	first := make([]byte, streamPart)
	n, err := io.ReadFull(in, first)
	var made backends.Entry
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		p, ok := b.(backends.Putter)
		if !ok {
			return stores.Entry{}, errors.ErrUnsupported
		}
		made, err = p.Put(ctx, name, bytes.NewReader(first[:n]), int64(n), meta, cond)
	case err == nil:
		made, err = uploadStream(ctx, b, name, first, in, meta, cond)
	}
	if err != nil {
		return stores.Entry{}, err
	}
	made.Name = name
	if made.Meta == nil {
		made.Meta = &meta
	}
	return v.Entry(&made), nil
}

// uploadStream sends first and then all of in. What was sent is dropped again where that
// fails.
func uploadStream(ctx context.Context, b backends.Backend, name string, first []byte, in io.Reader, meta backends.Meta, cond backends.Cond) (_ backends.Entry, err error) {
	u, ok := b.(backends.Uploader)
	if !ok {
		return backends.Entry{}, fmt.Errorf("more than %s from a pipe: %w", size(streamPart), errors.ErrUnsupported)
	}
	upload, err := u.Upload(ctx, name, "", meta)
	if err != nil {
		return backends.Entry{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, upload.Abort(context.WithoutCancel(ctx)))
		}
	}()
	parts, err := sendParts(ctx, upload, u.Limits(), first, in)
	if err != nil {
		return backends.Entry{}, err
	}
	return upload.Commit(ctx, parts, cond)
}

// sendParts sends parts side by side, within streamBuffer of memory.
func sendParts(ctx context.Context, upload backends.Upload, limits backends.UploadLimits, first []byte, in io.Reader) ([]backends.Part, error) {
	var (
		mu    sync.Mutex
		parts []backends.Part
		free  [][]byte // buffers to be used again
	)
	room := semaphore.NewWeighted(streamBuffer)
	group, inner := errgroup.WithContext(ctx)
	send := func(num int, buf []byte, held int64) {
		group.Go(func() error {
			defer room.Release(held)
			part, err := upload.Part(inner, num, bytes.NewReader(buf), int64(len(buf)))
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			parts[num-1] = part
			free = append(free, buf[:cap(buf)])
			return nil
		})
	}
	read := func() error {
		for num := 1; ; num++ {
			n := max(streamSize(num), limits.MinPart)
			if err := room.Acquire(inner, n); err != nil {
				return err
			}
			buf, err := first, error(nil)
			if num > 1 || int64(len(first)) < n {
				mu.Lock()
				buf = bufferOf(&free, n)
				mu.Unlock()
				var got, more int
				if num == 1 {
					got = copy(buf, first)
				}
				more, err = io.ReadFull(in, buf[got:])
				buf = buf[:got+more]
			}
			if len(buf) > 0 && num > limits.MaxParts {
				room.Release(n)
				return backends.ErrTooLarge
			}
			if len(buf) > 0 {
				mu.Lock()
				parts = append(parts, backends.Part{})
				mu.Unlock()
				send(num, buf, n)
			} else {
				room.Release(n)
			}
			switch {
			case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
				return nil
			case err != nil:
				return err
			}
		}
	}
	failed := read()
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return parts, failed
}

// bufferOf takes a buffer of n bytes from a list, or makes one.
func bufferOf(free *[][]byte, n int64) []byte {
	for len(*free) > 0 {
		last := len(*free) - 1
		buf := (*free)[last]
		*free = (*free)[:last]
		if int64(len(buf)) == n {
			return buf
		}
	}
	return make([]byte, n)
}
