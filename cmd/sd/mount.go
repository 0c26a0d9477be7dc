package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sd/cache"
)

// mountOptions are the flags of sd mount.
type mountOptions struct {
	mountpoint  string
	foreground  bool
	readOnly    bool
	allowOther  bool
	debug       bool
	uid, gid    *uint32
	umask       *uint32
	cacheSize   int64
	metadataTTL time.Duration

	cacheDir      string // "": no disk cache
	diskCacheSize int64
	writeBack     bool
	stagingDir    string // "": below the data directory
	stagingSize   int64  // 0: the default of package staging
	drain         time.Duration
	metrics       string // an address, "": no endpoint
	noIndex       bool   // leave locations as they are
}

func (a *app) mountCommand() *cobra.Command {
	opts := mountOptions{metadataTTL: time.Minute, drain: 30 * time.Second}
	var diskCache, staging byteSize
	var uid, gid uint32
	mask := octal(0o022)
	cacheSize := byteSize(cache.DefaultBytes)
	cmd := &cobra.Command{
		Use:   "mount [MOUNTPOINT]",
		Short: "serve the tree",
		Long: `Serves the tree at MOUNTPOINT (default: /sd for root, else ~/sd; created if missing)
and returns when it is ready. The server goes on in the background until 'sd umount'.

When close(2) of a cloud file returns, its bytes are at the provider. With --write-back
they are on the local disk by then and are uploaded in the background; 'sd status' shows
what waits, 'sd umount' waits for it, and whatever ends the mount, the next one goes on.

While it lives, the mount keeps all locations ('sd location') up to date: changes on the
local disk as they happen, what is changed in volumes through the mount at once, and what
others change there some times a day. search/ has a folder of hits for any query.

A mountpoint left dead by a crash ("transport endpoint is not connected") is replaced.`,
		Example: `  sd mount
  sd mount ~/everything --read-only
  sd mount --write-back --staging-size 50G
  sd mount --disk-cache-size 20G       keep cloud files on the disk, too
  sd mount --metrics 9464              for Prometheus, on loopback
  sd mount -f --allow-other /sd        in the foreground, as for systemd
  mount -t sd none /sd -o ro           after 'make install', also from fstab`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags := cmd.Flags()
			if flags.Changed("uid") {
				opts.uid = &uid
			}
			if flags.Changed("gid") {
				opts.gid = &gid
			}
			if flags.Changed("umask") {
				opts.umask = (*uint32)(&mask)
			}
			if cacheSize < cache.MinBytes {
				return usagef("--cache-size must be at least %s", size(cache.MinBytes))
			}
			switch {
			case opts.metadataTTL < 0:
				return usagef("--metadata-ttl must not be negative")
			case opts.metadataTTL == 0:
				opts.metadataTTL = 1 // as good as none; 0 would mean the default
			}
			opts.diskCacheSize, opts.stagingSize = int64(diskCache), int64(staging)
			if err := opts.checkDisk(flags); err != nil {
				return err
			}
			opts.cacheSize = int64(cacheSize)

			var err error
			opts.mountpoint, err = defaultMountpoint()
			if len(args) > 0 {
				opts.mountpoint, err = args[0], nil
			}
			if err == nil {
				opts.mountpoint, err = realMountpoint(opts.mountpoint)
			}
			if err != nil {
				return err
			}
			if opts.foreground || isDaemon() {
				return a.serve(cmd.Context(), opts)
			}
			return a.mountInBackground(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVarP(&opts.foreground, "foreground", "f", false, "stay in the foreground and log to stderr")
	flags.BoolVar(&opts.readOnly, "read-only", false, "refuse every change")
	flags.BoolVar(&opts.allowOther, "allow-other", false, "let other users in (their permissions still count)")
	flags.Var(&cacheSize, "cache-size", "memory for the contents of cloud files, at most")
	flags.Var(&diskCache, "disk-cache-size", "keep cloud files on the disk, too, with so many bytes at most (default: off)")
	flags.StringVar(&opts.cacheDir, "cache-dir", "", "folder of the disk cache (default $XDG_CACHE_HOME/sd, else ~/.cache/sd)")
	flags.DurationVar(&opts.metadataTTL, "metadata-ttl", opts.metadataTTL, "how long names and attributes of cloud files are believed")
	flags.BoolVar(&opts.writeBack, "write-back", false, "let close return when the bytes are on the local disk, and upload in the background")
	flags.StringVar(&opts.stagingDir, "staging-dir", "", "folder for files that are being written (default: DATA-DIR/staging)")
	flags.Var(&staging, "staging-size", "bytes that such files may take (default 10 GiB, at most half of what is free)")
	flags.DurationVar(&opts.drain, "drain", opts.drain, "how long the end may wait for uploads, unless 'sd umount' says otherwise")
	flags.StringVar(&opts.metrics, "metrics", "", "serve metrics for Prometheus at this PORT of loopback, or HOST:PORT")
	flags.BoolVar(&opts.noIndex, "no-index", false, "do not keep locations up to date, nor run the jobs that wait for a mount")
	flags.Uint32Var(&uid, "uid", 0, "owner of cloud files (default: you)")
	flags.Uint32Var(&gid, "gid", 0, "group of cloud files (default: yours)")
	flags.Var(&mask, "umask", "permission bits that cloud files lack")
	for _, name := range []string{"disk-cache-size", "staging-size"} {
		flags.Lookup(name).DefValue = "0" // said in words
	}
	flags.BoolVar(&opts.debug, "debug-fuse", false, "log every request of the kernel")
	return cmd
}

// checkDisk looks at the flags about local folders and completes them.
func (o *mountOptions) checkDisk(flags *pflag.FlagSet) (err error) {
	switch {
	case o.drain < 0:
		return usagef("--drain must not be negative")
	case flags.Changed("staging-size") && o.stagingSize < minStaging:
		return usagef("--staging-size must be at least %s", size(minStaging))
	case flags.Changed("disk-cache-size") && o.diskCacheSize == 0:
		o.cacheDir = ""
	case flags.Changed("disk-cache-size") && o.diskCacheSize < minDiskCache:
		return usagef("--disk-cache-size must be at least %s", size(minDiskCache))
	case o.readOnly && o.writeBack:
		return usagef("give only one of --read-only and --write-back")
	case o.diskCacheSize > 0 && o.cacheDir == "":
		o.cacheDir, err = cacheDir()
	case o.cacheDir != "":
		o.cacheDir, err = filepath.Abs(o.cacheDir)
	}
	if err == nil && o.stagingDir != "" {
		o.stagingDir, err = filepath.Abs(o.stagingDir)
	}
	if err == nil && o.metrics != "" {
		o.metrics, err = metricsAddress(o.metrics)
	}
	return err
}

// The least that works.
const (
	minStaging   = 1 << 20
	minDiskCache = 16 << 20
)

// mountInBackground starts the server and returns when the tree is there.
func (a *app) mountInBackground(ctx context.Context, opts mountOptions) error {
	logFile, err := openLog(opts.mountpoint)
	if err != nil {
		return err
	}
	defer logFile.Close()
	pid, report, err := startDaemon(ctx, os.Args[1:], logFile)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"mountpoint": report.Mountpoint, "pid": pid, "log": logFile.Name()})
	}
	fmt.Fprintf(a.out, "mounted at %s (pid %d, log %s)\n", report.Mountpoint, pid, logFile.Name())
	return nil
}
