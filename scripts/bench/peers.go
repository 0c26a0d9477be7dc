//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sd/internal/testserver"
)

// bindfs shows dir by a FUSE file system in C that does nothing else.
func (b *bench) bindfs(dir string) contender {
	c := contender{name: "bindfs", peer: true}
	path, err := exec.LookPath("bindfs")
	if err != nil {
		c.missing = "not installed"
		return c
	}
	c.mount = func(ctx context.Context) (*mounted, error) {
		point, err := b.work.mountpoint("bindfs")
		if err != nil {
			return nil, err
		}
		flags := []string{"-f", "--multithreaded", dir, point}
		if os.Geteuid() != 0 {
			flags = append([]string{"--no-allow-other"}, flags...)
		}
		return startPeer(ctx, point, exec.Command(path, flags...))
	}
	return c
}

// tuned is what makes rclone and s3fs fastest here.
var (
	tunedRclone = strings.Fields(`--vfs-cache-mode full --vfs-read-chunk-streams 16 --vfs-read-chunk-size 4M
		--vfs-read-ahead 64M --use-server-modtime --vfs-fast-fingerprint --no-checksum --attr-timeout 60s
		--dir-cache-time 1h --max-read-ahead 1M --vfs-write-back 0s --transfers 16 --s3-chunk-size 16M
		--s3-upload-concurrency 8 --s3-no-head --s3-disable-checksum --s3-use-unsigned-payload true`)
	tunedS3fs = ",parallel_count=16,multipart_size=16,multireq_max=64," +
		"max_stat_cache_size=200000,stat_cache_expire=3600,enable_noobj_cache,kernel_cache"
)

// rclone shows a bucket, with flags beside those that it needs. Every mount begins
// with an empty cache.
func (b *bench) rclone(name, bucket, endpoint string, flags ...string) contender {
	c := contender{name: name, peer: true}
	path, err := testserver.Tool("rclone")
	if err != nil {
		c.missing = "not built: scripts/tools.sh bench does that"
		return c
	}
	c.mount = func(ctx context.Context) (*mounted, error) {
		point, err := b.work.mountpoint("rclone")
		if err != nil {
			return nil, err
		}
		cache, err := b.work.data("rclone")
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(path, append([]string{"mount", "s:" + bucket, point, "--cache-dir", cache}, flags...)...)
		cmd.Env = append(slices.Clip(b.sd.env),
			"RCLONE_CONFIG="+filepath.Join(cache, "none.conf"), "RCLONE_CONFIG_S_TYPE=s3", "RCLONE_CONFIG_S_PROVIDER=Other",
			"RCLONE_CONFIG_S_ACCESS_KEY_ID="+testserver.AccessKey, "RCLONE_CONFIG_S_SECRET_ACCESS_KEY="+testserver.SecretKey,
			"RCLONE_CONFIG_S_REGION="+testserver.Region, "RCLONE_CONFIG_S_ENDPOINT="+endpoint)
		return startWithin(ctx, point, cache, cmd)
	}
	return c
}

// s3fs shows a bucket, with options (",a,b") beside those that it needs. It keeps
// what it reads and writes in temporary files.
func (b *bench) s3fs(name, bucket, endpoint, options string) contender {
	c := contender{name: name, peer: true}
	path, err := exec.LookPath("s3fs")
	if err != nil {
		c.missing = "not installed"
		return c
	}
	c.mount = func(ctx context.Context) (*mounted, error) {
		point, err := b.work.mountpoint("s3fs")
		if err != nil {
			return nil, err
		}
		dir, err := b.work.data("s3fs")
		if err != nil {
			return nil, err
		}
		key := filepath.Join(dir, "key")
		if err := os.WriteFile(key, []byte(testserver.AccessKey+":"+testserver.SecretKey+"\n"), 0o600); err != nil {
			return nil, err
		}
		all := "use_path_request_style,url=" + endpoint + ",passwd_file=" + key + ",tmpdir=" + dir + options
		return startWithin(ctx, point, dir, exec.Command(path, bucket, point, "-f", "-o", all))
	}
	return c
}

// startWithin is startPeer for a peer that keeps files in dir, which goes with it.
func startWithin(ctx context.Context, point, dir string, cmd *exec.Cmd) (*mounted, error) {
	m, err := startPeer(ctx, point, cmd)
	if err != nil {
		return nil, err
	}
	end := m.end
	m.end = func() error {
		err := end()
		_ = os.RemoveAll(dir)
		return err
	}
	return m, nil
}
