//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// contender is something that shows a folder.
type contender struct {
	name    string
	peer    bool   // it may fail without ending the run
	missing string // why it cannot take part, "" if it can
	mount   func(ctx context.Context) (*mounted, error)
}

// mounted is a contender at work.
type mounted struct {
	dir string       // what to measure in
	pid int          // the process that serves it; 0: the kernel alone
	end func() error // unmounts, and waits until its process is gone

	dead bool // its process was killed, for it did not answer
}

// bare is the folder itself.
func bare(name, dir string) contender {
	return contender{name: name, mount: func(context.Context) (*mounted, error) {
		return &mounted{dir: dir, end: func() error { return nil }}, nil
	}}
}

// eachRound lets every contender that can be measured be measured once a round, each
// round beginning with another one. A peer that fails is noted in the grids and out;
// sd and the bare file system must not fail.
func eachRound(ctx context.Context, rounds int, all []contender, grids []*grid, measure func(contender, *mounted) error) error {
	out := map[string]bool{}
	for _, c := range all {
		if c.missing != "" {
			progress("%s is missing: %s", c.name, c.missing)
			out[c.name] = true
			for _, g := range grids {
				g.absent(c.name, "missing", c.missing)
			}
		}
	}
	for round := range rounds {
		for i := range all {
			c := all[(round+i)%len(all)]
			if out[c.name] {
				continue
			}
			progress("round %d of %d: %s", round+1, rounds, c.name)
			err := once(ctx, c, measure)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil && !c.peer {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if err != nil {
				progress("%s failed: %v", c.name, err)
				out[c.name] = true
				for _, g := range grids {
					g.absent(c.name, "failed", err.Error())
				}
			}
		}
	}
	return nil
}

// patience is how long one contender may take for one round.
const patience = 10 * time.Minute

// once mounts, measures and unmounts. When ctx ends or the time is over, the process
// behind the mount is killed: whoever waits for it in the kernel gets an error then.
func once(ctx context.Context, c contender, measure func(contender, *mounted) error) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it took longer than %v", patience))
	defer cancel()
	m, err := c.mount(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		if m.pid != 0 {
			_ = syscall.Kill(m.pid, syscall.SIGKILL)
		}
	})
	defer func() {
		stop()
		if endErr := m.end(); !m.dead {
			err = errors.Join(err, endErr)
		}
	}()
	if err := measure(c, m); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	return nil
}

// startPeer starts a program that mounts on point and stays in the foreground, and
// returns when the mount is there.
func startPeer(ctx context.Context, point string, cmd *exec.Cmd) (*mounted, error) {
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is ours to pass on
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	end := func() error {
		var err error
		if mountedAt(point) != "" {
			err = unmount(point)
		}
		for _, s := range []syscall.Signal{0, syscall.SIGTERM, syscall.SIGKILL} {
			_ = cmd.Process.Signal(s)
			select {
			case <-exited:
				return err
			case <-time.After(5 * time.Second):
			}
		}
		<-exited
		return err
	}
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	timeout := time.After(30 * time.Second)
	for mountedAt(point) == "" {
		select {
		case <-poll.C:
			continue
		case <-exited:
			return nil, fmt.Errorf("%s ended: %s", cmd.Path, bytes.TrimSpace(output.Bytes()))
		case <-timeout:
			return nil, errors.Join(fmt.Errorf("%s did not mount within 30 s", cmd.Path), end())
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), end())
		}
	}
	return &mounted{dir: point, pid: cmd.Process.Pid, end: end}, nil
}
