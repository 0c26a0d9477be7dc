//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// spent is what a command took.
type spent struct {
	took time.Duration
	peak float64 // memory at most, in MiB; each is one process
	out  []byte
}

// command runs a program to its end.
func (x *actionsBench) command(ctx context.Context, env []string, name string, args ...string) (spent, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it took longer than %v", patience))
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out, text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &text
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return spent{}, err
	}
	var s spent
	ended, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			s.peak = max(s.peak, peakMemory(cmd.Process.Pid))
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
	}()
	err := cmd.Wait()
	s.took, s.out = time.Since(start), out.Bytes()
	close(ended)
	<-watched
	if err != nil {
		return s, fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), errors.Join(err, context.Cause(ctx)), shorten(text.String()))
	}
	return s, nil
}

// sdCommand runs sd, which does the work itself: there is no mount.
func (x *actionsBench) sdCommand(ctx context.Context, args ...string) (spent, error) {
	return x.command(ctx, x.sd.env, x.sd.binary, args...)
}

// rcloneCommand runs rclone, for which a site is s:bucket.
func (x *actionsBench) rcloneCommand(ctx context.Context, s *site, args ...string) (spent, error) {
	path, err := testserver.Tool("rclone")
	if err != nil {
		return spent{}, fmt.Errorf("%w: scripts/tools.sh bench builds it", err)
	}
	cache, err := x.work.data("rclone-copy")
	if err != nil {
		return spent{}, err
	}
	env := append(slices.Clip(x.sd.env),
		"RCLONE_CONFIG="+filepath.Join(cache, "none.conf"), "RCLONE_CONFIG_S_TYPE=s3", "RCLONE_CONFIG_S_PROVIDER=Other",
		"RCLONE_CONFIG_S_ACCESS_KEY_ID="+testserver.AccessKey, "RCLONE_CONFIG_S_SECRET_ACCESS_KEY="+testserver.SecretKey,
		"RCLONE_CONFIG_S_REGION="+testserver.Region, "RCLONE_CONFIG_S_ENDPOINT="+s.url)
	return x.command(ctx, env, path, append(args, tunedCopy...)...)
}

// bucket makes a site on a server, and a volume of sd on it. A metered one counts its bytes,
// which costs throughput.
func (x *actionsBench) bucket(ctx context.Context, name, kind string, metered bool) (*site, error) {
	if s := x.sites[name]; s != nil {
		return s, nil
	}
	server, err := x.server(ctx, kind)
	if err != nil {
		return nil, err
	}
	s := &site{bucket: name, server: server}
	x.sites[name] = s
	if err := server.MakeBucket(ctx, name); err != nil {
		return nil, err
	}
	if s.link, err = netproxy.NewLink(strings.TrimPrefix(server.URL, "http://"), netproxy.Config{RTT: roundTrip}); err != nil {
		return nil, err
	}
	s.url = s.link.URL()
	if metered {
		if s.meter, err = newMeter(s.link.Addr()); err != nil {
			return nil, err
		}
		s.url = s.meter.url()
	}
	return s, x.sd.addBucket(ctx, name, s.url)
}

func (x *actionsBench) closeAll() {
	for _, s := range x.sites {
		s.close()
	}
	x.close()
}

// perFolder is how many small files lie in a folder.
const perFolder = 100

// smallFiles is how many small files are copied.
func (x *actionsBench) smallFiles() int { return pick(x.bench, 10_000, 1000) }

// manyFiles is how many files a sync looks at.
func (x *actionsBench) manyFiles() int { return pick(x.bench, 100_000, 5000) }

// smallFile is the name of a small file in its tree.
func smallFile(i int) string {
	return fmt.Sprintf("folder-%04d/%s", i/perFolder, smallName(i))
}

// fill makes what is copied.
func (x *actionsBench) fill(ctx context.Context) error {
	dir, err := x.work.data("actions")
	if err != nil {
		return err
	}
	x.large, x.small = filepath.Join(dir, "large"), filepath.Join(dir, "small")
	if _, err := writeBlocks(ctx, x.large, x.size); err != nil {
		return err
	}
	return makeSmallTree(ctx, x.small, x.smallFiles(), smallObject)
}

// makeSmallTree makes a tree of small files of a size, each with content of its own, a minute old.
func makeSmallTree(ctx context.Context, dir string, n, size int) error {
	when := time.Now().Add(-time.Minute)
	for i := range n {
		name := filepath.Join(dir, smallFile(i))
		if i%perFolder == 0 {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		if err := os.WriteFile(name, smallContent(i)[:size], 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(name, when, when); err != nil {
			return err
		}
	}
	return nil
}

// sameSmall looks whether a folder holds the small files.
func (x *actionsBench) sameSmall(dir string) error {
	for i := range x.smallFiles() {
		got, err := os.ReadFile(filepath.Join(dir, smallFile(i)))
		if err != nil {
			return err
		}
		if !bytes.Equal(got, smallContent(i)) {
			return fmt.Errorf("%s has other bytes than its source", filepath.Join(dir, smallFile(i)))
		}
	}
	return nil
}

// sameLarge looks whether a file has the blocks of the large one.
func (x *actionsBench) sameLarge(ctx context.Context, name string) error {
	return eachBlock(ctx, name, x.size, func(uint64) {})
}

// fresh gives the name of a folder in which nothing is, when the disk rests.
func (x *actionsBench) fresh() (string, error) {
	dir := x.work.path("data", "target")
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	settleDisk()
	return dir, nil
}
