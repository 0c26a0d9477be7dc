package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"sd/library"
)

func (a *app) deviceCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "device",
		Short: "list and rename devices",
		Long: `Each machine that uses a library is one of its devices. Its files are below
local/SLUG in the tree and named local://SLUG/…; the slug is made from the name.`,
	})
	cmd.AddCommand(a.deviceListCommand(), a.deviceRenameCommand())
	return cmd
}

// deviceRow is a device as it is printed.
type deviceRow struct {
	ID      uuid.UUID `json:"id"`
	Name    string    `json:"name"`
	Slug    string    `json:"slug"`
	URI     string    `json:"uri"`
	This    bool      `json:"this"`
	Created time.Time `json:"created"`
}

func newDeviceRow(d, this library.Device) deviceRow {
	return deviceRow{ID: d.ID, Name: d.Name, Slug: d.Slug, URI: "local://" + d.Slug + "/", This: d.ID == this.ID, Created: d.Created}
}

func (a *app) deviceListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the devices of the library",
		Args:  args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDevices(cmd.Context(), func(lib *library.Library, devices []library.Device) error {
				rows := make([]deviceRow, len(devices))
				cells := [][]string{{"SLUG", "NAME", "THIS", "ID"}}
				for i, d := range devices {
					rows[i] = newDeviceRow(d, lib.ThisDevice())
					cells = append(cells, []string{d.Slug, d.Name, yes(rows[i].This), d.ID.String()})
				}
				if a.json {
					return a.printJSON(rows)
				}
				return a.table(cells)
			})
		},
	}
}

func (a *app) deviceRenameCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rename [DEVICE] NAME",
		Short: "give a device another name, and with it another slug",
		Long: `Renames DEVICE (a slug or an id), or without it this machine. URIs with the old slug
no longer work.`,
		Example: "  sd device rename \"Jamie's MacBook\"\n  sd device rename old-laptop attic",
		Args:    args(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withDevices(cmd.Context(), func(lib *library.Library, devices []library.Device) error {
				id := lib.ThisDevice().ID
				if len(args) == 2 && args[0] != "local" {
					found, err := findDevice(devices, args[0])
					if err != nil {
						return err
					}
					id = found.ID
				}
				d, err := lib.RenameDevice(cmd.Context(), id, args[len(args)-1])
				if err != nil {
					return err
				}
				a.tellMounts(cmd.Context(), lib)
				if a.json {
					return a.printJSON(newDeviceRow(d, lib.ThisDevice()))
				}
				fmt.Fprintf(a.out, "the device is now %s, below local/%s\n", quote(d.Name), d.Slug)
				return nil
			})
		},
	}
}

// withDevices opens the library even while this device's slug is another's in it:
// renaming is what ends that.
func (a *app) withDevices(ctx context.Context, do func(*library.Library, []library.Device) error) error {
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	lib, err := library.Open(ctx, dir, a.libraryFlag)
	if errors.As(err, new(*library.SlugTakenError)) {
		lib, err = library.OpenForRename(ctx, dir, a.libraryFlag)
	}
	if err != nil {
		return err
	}
	defer lib.Close()
	devices, err := lib.Devices(ctx)
	if err != nil {
		return err
	}
	return do(lib, devices)
}

func findDevice(devices []library.Device, word string) (library.Device, error) {
	known := ""
	for _, d := range devices {
		if d.Slug == word || d.ID.String() == word {
			return d, nil
		}
		known += " " + d.Slug
	}
	return library.Device{}, fmt.Errorf("the library has no device %s; it has:%s", quote(word), known)
}

// tellMounts lets the live mounts of lib see a change at once. One that does not
// answer sees it by itself a little later.
func (a *app) tellMounts(ctx context.Context, lib *library.Library) {
	a.tell(ctx, lib, request{Do: "reload"}, controlTimeout)
}

func (a *app) tell(ctx context.Context, lib *library.Library, what request, timeout time.Duration) {
	for _, m := range liveMounts(ctx) {
		if m.Library != lib.Name() {
			continue
		}
		if _, err := m.ask(ctx, what, timeout, false, nil); err != nil {
			a.log().Info("a mount was not told of the change", "mountpoint", m.Mountpoint, "err", err)
		}
	}
}
