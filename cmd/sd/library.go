package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"sd/library"
)

func (a *app) libraryCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "library",
		Short: "create, list and switch libraries",
		Long: `A library knows devices and volumes. It is one folder that can be copied and moved.
A default one is made at first use; more serve to keep things apart.`,
	})
	cmd.AddCommand(a.libraryCreateCommand(), a.libraryListCommand(), a.librarySwitchCommand(), a.libraryInfoCommand())
	return cmd
}

func (a *app) libraryCreateCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "create NAME",
		Short:   "make a library",
		Long:    "Makes a library. The first becomes the one in use; 'sd library switch' changes that.",
		Example: "  sd library create work",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := a.dataDir()
			if err != nil {
				return err
			}
			lib, err := library.Create(cmd.Context(), dir, args[0])
			if err != nil {
				return err
			}
			defer lib.Close()
			return a.showLibrary(cmd.Context(), lib)
		},
	}
}

func (a *app) libraryListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the libraries of the data directory",
		Args:  args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			dir, err := a.dataDir()
			if err != nil {
				return err
			}
			list, err := library.List(dir)
			if err != nil {
				return err
			}
			type row struct {
				Name    string `json:"name"`
				Path    string `json:"path"`
				Current bool   `json:"current"`
			}
			rows := make([]row, len(list))
			cells := [][]string{{"NAME", "CURRENT", "PATH"}}
			for i, e := range list {
				rows[i] = row(e)
				cells = append(cells, []string{e.Name, yes(e.Current), e.Path})
			}
			if a.json {
				return a.printJSON(rows)
			}
			return a.table(cells)
		},
	}
}

func (a *app) librarySwitchCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "switch NAME",
		Short:   "choose the library that commands use",
		Long:    "Chooses the library that later commands use. What is mounted stays as it is.",
		Example: "  sd library switch work",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := a.dataDir()
			if err != nil {
				return err
			}
			if err := library.Switch(cmd.Context(), dir, args[0]); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]string{"library": args[0]})
			}
			fmt.Fprintf(a.out, "now using library %s\n", args[0])
			return nil
		},
	}
}

func (a *app) libraryInfoCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "info",
		Short:   "describe the library in use",
		Example: "  sd library info\n  sd --library work library info",
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := a.dataDir()
			if err != nil {
				return err
			}
			lib, err := library.Open(cmd.Context(), dir, a.libraryFlag)
			if err != nil {
				return err
			}
			defer lib.Close()
			return a.showLibrary(cmd.Context(), lib)
		},
	}
}

func (a *app) showLibrary(ctx context.Context, lib *library.Library) error {
	info, err := lib.Info(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{
			"name": info.Name, "path": info.Path, "id": info.ID, "created": info.Created, "schema": info.Schema,
			"devices": info.Devices, "volumes": info.Volumes, "bytes": info.Bytes,
		})
	}
	return a.table([][]string{
		{"name", info.Name},
		{"path", info.Path},
		{"id", info.ID.String()},
		{"created", when(info.Created)},
		{"schema", fmt.Sprint(info.Schema)},
		{"devices", fmt.Sprint(info.Devices)},
		{"volumes", fmt.Sprint(info.Volumes)},
		{"on disk", size(info.Bytes)},
	})
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
