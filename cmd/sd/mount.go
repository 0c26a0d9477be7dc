package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

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
}

func (a *app) mountCommand() *cobra.Command {
	opts := mountOptions{metadataTTL: time.Minute}
	var uid, gid uint32
	mask := octal(0o022)
	cacheSize := byteSize(cache.DefaultBytes)
	cmd := &cobra.Command{
		Use:   "mount [MOUNTPOINT]",
		Short: "serve the tree",
		Long: `Serves the tree at MOUNTPOINT (default: /sd for root, else ~/sd; created if missing)
and returns when it is ready. The server goes on in the background until 'sd umount'.

A mountpoint left dead by a crash ("transport endpoint is not connected") is replaced.`,
		Example: `  sd mount
  sd mount ~/everything --read-only
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
	flags.DurationVar(&opts.metadataTTL, "metadata-ttl", opts.metadataTTL, "how long names and attributes of cloud files are believed")
	flags.Uint32Var(&uid, "uid", 0, "owner of cloud files (default: you)")
	flags.Uint32Var(&gid, "gid", 0, "group of cloud files (default: yours)")
	flags.Var(&mask, "umask", "permission bits that cloud files lack")
	flags.BoolVar(&opts.debug, "debug-fuse", false, "log every request of the kernel")
	return cmd
}

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
