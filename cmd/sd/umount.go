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

func (a *app) umountCommand() *cobra.Command {
	var lazy bool
	cmd := &cobra.Command{
		Use:     "umount [MOUNTPOINT]",
		Aliases: []string{"unmount"},
		Short:   "flush and unmount",
		Long: `Unmounts the tree and returns when its process has ended. If files there are in use,
nothing happens and the programs that use them are named.

Without MOUNTPOINT it means the one mount that there is, or else the default one.`,
		Example: `  sd umount
  sd umount /sd --lazy`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := whichMountpoint(cmd.Context(), args)
			if err != nil {
				return err
			}
			return a.umount(cmd.Context(), path, lazy)
		},
	}
	cmd.Flags().BoolVar(&lazy, "lazy", false, "take it out of the tree now; what is open there goes on until it is closed")
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

func (a *app) umount(ctx context.Context, path string, lazy bool) error {
	m := mountAt(ctx, path)
	if m == nil {
		return a.umountDead(path)
	}
	reply, err := m.ask(ctx, request{Do: "unmount", Lazy: lazy}, umountTimeout, !lazy)
	switch {
	case err != nil:
		return fmt.Errorf("%w; 'sd umount --lazy %s' would take it out of the tree", err, path)
	case reply.Busy:
		return busyError(path)
	case reply.Error != "":
		return errors.New(reply.Error)
	}
	if a.json {
		return a.printJSON(map[string]any{"mountpoint": path, "unmounted": true, "lazy": lazy})
	}
	fmt.Fprintf(a.out, "unmounted %s\n", path)
	return nil
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
