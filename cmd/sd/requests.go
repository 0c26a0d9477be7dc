package main

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"time"
)

// handle answers one question of another process of this user.
func (s *server) handle(ctx context.Context, req request, tell func(answer)) answer {
	switch req.Do {
	case "status":
		return answer{Status: s.status(req.Limit)}
	case "reload":
		ctx, cancel := context.WithTimeout(context.Background(), controlTimeout)
		defer cancel()
		if err := s.fs.Reload(ctx); err != nil {
			return answer{Error: err.Error()}
		}
		return answer{}
	case "refresh":
		if err := s.fs.Refresh(ctx, req.Path); err != nil {
			return answer{Error: err.Error()}
		}
		return answer{}
	case "settle":
		if err := s.fs.Settle(ctx, req.Volume, string(req.Name)); err != nil {
			return answer{Error: err.Error()}
		}
		return answer{}
	case "renewed":
		s.renewed(ctx, req.Volume)
		return answer{}
	case "jobs":
		s.acting.look()
		return answer{}
	case "drain":
		if err := s.drain(ctx, tell); err != nil {
			return answer{Error: err.Error()}
		}
		return answer{}
	case "yield":
		s.log.Info("asked to leave what is left to a new mount")
		s.ending.allow(0)
		return answer{}
	case "unmount":
		return s.unmount(ctx, req, tell)
	}
	return answer{Error: "unknown request " + quote(req.Do)}
}

// renewTimeout is longer than any backend waits before it asks for a key again.
const renewTimeout = 4 * time.Second

// renewed lets a volume take its new key, of which it asks for by itself only now and then
// after the old one was refused. Who uses it once this is answered is not refused any more.
func (s *server) renewed(ctx context.Context, fingerprint string) {
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	v, err := s.places.byFingerprint(ctx, fingerprint)
	for err == nil && expired(v) && ctx.Err() == nil {
		if _, e := v.Backend.Stat(ctx, ""); e == nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// unmount ends the mount, or else leaves it as it was. If it is not lazy, the answer
// comes when what may be waited for is uploaded.
func (s *server) unmount(ctx context.Context, req request, tell func(answer)) answer {
	s.log.Info("asked to unmount", "lazy", req.Lazy, "wait", req.Wait)
	end := s.fs.Unmount
	if req.Lazy {
		end = s.fs.Detach
	}
	err := end()
	if err != nil && mountKnownGone(s.info.Mountpoint) {
		// Somebody else was faster: the kernel is about to let go of us.
		err = s.waitForKernel()
	}
	if err != nil {
		return answer{Error: err.Error(), Busy: isBusy(err)}
	}
	if req.Lazy {
		return answer{}
	}
	s.ending.allow(req.Wait)
	s.tellUntil(ctx, s.ending.over, tell)
	select {
	case <-s.ending.over:
		return answer{Left: s.ending.left}
	case <-ctx.Done():
		return answer{}
	}
}

// waitForKernel waits for the end of a mount that is out of the tree.
func (s *server) waitForKernel() error {
	select {
	case <-s.fs.Done():
		return nil
	case <-time.After(endTimeout):
		return errors.New("it is out of the tree already, but files there are still in use")
	}
}

// isBusy also knows fusermount's words: it has no errno to give.
func isBusy(err error) bool {
	return errors.Is(err, syscall.EBUSY) || strings.Contains(strings.ToLower(err.Error()), "resource busy")
}
