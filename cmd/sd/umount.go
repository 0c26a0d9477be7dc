package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// umountTimeout bounds how long a mount may take to flush and to end.
const umountTimeout = 60 * time.Second

// umountOptions are the flags of sd umount.
type umountOptions struct {
	lazy, now bool
	timeout   time.Duration // for uploads; negative: none
}

func (a *app) umountCommand() *cobra.Command {
	opts := umountOptions{timeout: -1}
	cmd := &cobra.Command{
		Use:     "umount [MOUNTPOINT]",
		Aliases: []string{"unmount"},
		Short:   "flush and unmount",
		Long: `Waits until all that was written is at its provider, unmounts the tree, and returns when
its process has ended. While it waits it says for what; Ctrl-C then leaves the mount as
it was. If files there are in use, nothing is unmounted and the programs that use them
are named.

With --timeout or --now, what is not uploaded by then stays on the local disk, and the
next mount uploads it: nothing is lost. Status 1 says that --timeout has left something.

Without MOUNTPOINT it means the one mount that there is, or else the default one.`,
		Example: `  sd umount
  sd umount --timeout 1m        wait for uploads, but not longer
  sd umount --now               leave uploads to the next mount
  sd umount /sd --lazy          also while files are in use`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch timed := cmd.Flags().Changed("timeout"); {
			case timed && opts.timeout < 0:
				return usagef("--timeout must not be negative")
			case timed && opts.now, timed && opts.lazy, opts.now && opts.lazy:
				return usagef("give only one of --timeout, --now and --lazy")
			}
			path, err := whichMountpoint(cmd.Context(), args)
			if err != nil {
				return err
			}
			return a.umount(cmd.Context(), path, opts)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.DurationVar(&opts.timeout, "timeout", opts.timeout, "wait for uploads at most so long (default: until all is uploaded)")
	flags.Lookup("timeout").DefValue = "0s" // said in words
	flags.BoolVar(&opts.now, "now", false, "do not wait for uploads")
	flags.BoolVar(&opts.lazy, "lazy", false, "take it out of the tree now; what is open there goes on until it is closed")
	return cmd
}

// whichMountpoint is the mountpoint that the arguments name or mean.
func whichMountpoint(ctx context.Context, args []string) (string, error) {
	if len(args) > 0 {
		return realMountpoint(args[0])
	}
	byDefault, err := defaultMountpoint()
	live := liveMounts(ctx)
	if len(live) == 1 {
		return live[0].Mountpoint, nil
	}
	if err == nil {
		byDefault, err = realMountpoint(byDefault)
	}
	if err == nil && (mountAt(ctx, byDefault) != nil || mountedType(byDefault) == "fuse.sd") {
		return byDefault, nil
	}
	if len(live) == 0 {
		return "", errors.New("nothing is mounted")
	}
	names := make([]string, len(live))
	for i, m := range live {
		names[i] = m.Mountpoint
	}
	return "", usagef("say which mountpoint: %s", strings.Join(names, ", "))
}

func (a *app) umount(ctx context.Context, path string, opts umountOptions) error {
	m := mountAt(ctx, path)
	if m == nil {
		return a.umountDead(path)
	}
	wait := opts.timeout
	if opts.now {
		wait = 0
	}
	progress := a.newProgress()
	defer progress.end()
	if !opts.lazy && wait != 0 {
		began := time.Now()
		if err := m.drain(ctx, wait, progress.show); err != nil {
			return err
		}
		if wait > 0 {
			wait = max(0, wait-time.Since(began))
		}
	}
	reply, err := m.ask(ctx, request{Do: "unmount", Lazy: opts.lazy, Wait: wait}, umountTimeout, !opts.lazy, progress.show)
	progress.end()
	switch {
	case err != nil && ctx.Err() == nil && mountKnownGone(path) && mountAt(ctx, path) == nil:
		return a.umountDead(path) // somebody else was faster
	case err != nil:
		return fmt.Errorf("%w; 'sd umount --lazy %s' would take it out of the tree", err, path)
	case reply.Busy:
		return busyError(path)
	case reply.Error != "":
		return errors.New(reply.Error)
	}
	return a.sayUnmounted(path, opts, reply.Left)
}

// drain waits for uploads, at most so long if the time is not negative. That something
// is left then is no error, and neither is a mount that has ended meanwhile.
func (m *mountInfo) drain(ctx context.Context, wait time.Duration, tell func(answer)) error {
	waiting := ctx
	if wait > 0 {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	reply, err := m.ask(waiting, request{Do: "drain"}, umountTimeout, false, tell)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %s stays mounted, and goes on uploading", m.Mountpoint)
	case waiting.Err() != nil, err == nil && reply.Error == "":
		return nil
	case err == nil:
		return fmt.Errorf("%s stays mounted: %s; 'sd umount --now' leaves that to the next mount", m.Mountpoint, reply.Error)
	case mountKnownGone(m.Mountpoint):
		return nil
	}
	return err
}

// sayUnmounted tells how it came out.
func (a *app) sayUnmounted(path string, opts umountOptions, left *uploadsStatus) error {
	if left == nil || left.Pending == 0 {
		left = nil
	}
	if a.json {
		if err := a.printJSON(map[string]any{"mountpoint": path, "unmounted": true, "lazy": opts.lazy, "left": left}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.out, "unmounted %s\n", path)
	}
	if left == nil {
		return nil
	}
	if !a.json {
		fmt.Fprintf(a.errOut, "%s, kept on this disk; the next 'sd mount' uploads them:\n", left.summary(time.Now()))
		a.printFiles(a.errOut, "  ", left)
	}
	if opts.now {
		return nil // as was asked for
	}
	return &quietError{}
}

// umountDead removes a mount that no process answers for.
func (a *app) umountDead(path string) error {
	switch kind := mountedType(path); {
	case isDead(path) && (kind == "fuse.sd" || kind == ""):
		if err := detach(path); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "removed the dead mount at %s\n", path)
		return nil
	case kind == "fuse.sd":
		return fmt.Errorf("%s is mounted by an sd that is not of this session; unmount it there, or: umount %s", path, path)
	case kind != "":
		return fmt.Errorf("%s is not an sd mount (it is %s)", path, kind)
	}
	return fmt.Errorf("%s is not mounted; 'sd status' lists what is", path)
}

// busyError names those who hold path.
func busyError(path string) error {
	who := holders(path)
	if len(who) == 0 {
		return fmt.Errorf("%s is busy, held by a process that only root can see; 'sd umount --lazy %s' takes it out of the tree at once", path, path)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s is busy:", path)
	for _, h := range who {
		fmt.Fprintf(&text, "\n  %s (pid %d): %s", printable(h.Name), h.PID, printable(h.How))
	}
	fmt.Fprintf(&text, "\nclose these, or take it out of the tree at once with 'sd umount --lazy %s'", path)
	return errors.New(text.String())
}
