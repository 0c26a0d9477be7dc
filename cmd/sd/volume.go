package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"sd/resolver"
	"sd/sdpath"
)

func (a *app) volumeCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "volume",
		Short: "add, list, test and remove volumes",
		Long:  "A volume is a place where files live: a bucket, a drive, or a file system of this machine.",
	})
	cmd.AddCommand(a.volumeListCommand(), a.volumeAddCommand(), a.volumeImportCommand(), a.volumeLoginCommand(), a.volumeRemoveCommand(), a.volumeTestCommand())
	return cmd
}

// volumeRow is a volume as it is printed.
type volumeRow struct {
	Name        string            `json:"name"`
	URI         string            `json:"uri"`
	Service     string            `json:"service"`
	Kind        string            `json:"kind"`
	Medium      string            `json:"medium,omitempty"`
	Fingerprint string            `json:"fingerprint"`
	Bucket      string            `json:"bucket,omitempty"`
	Config      map[string]string `json:"config,omitempty"`
	Capacity    *int64            `json:"capacity_bytes,omitempty"`
	Free        *int64            `json:"free_bytes,omitempty"`
	Offline     bool              `json:"offline,omitempty"`
	Expired     bool              `json:"expired,omitempty"` // a mount says that the login has ended
	Created     *time.Time        `json:"created,omitempty"`
}

func newVolumeRow(v *resolver.Volume) volumeRow {
	return volumeRow{
		Name: v.Info.Name, URI: uri(v), Service: string(v.Service), Bucket: v.Info.Identifier, Kind: v.Info.Kind,
		Medium: v.Info.Medium, Fingerprint: v.Fingerprint, Config: v.Info.Config, Created: &v.Info.Created,
	}
}

// newLocalRow is the row of a file system of this machine.
func newLocalRow(v resolver.LocalVolume, device string) volumeRow {
	return volumeRow{
		Name: v.MountPoint, URI: sdpath.NewPhysical(device, v.MountPoint).String(), Service: "local", Kind: v.Kind,
		Medium: v.Medium, Fingerprint: v.Fingerprint, Config: map[string]string{"type": v.FSType},
		Capacity: &v.Capacity, Free: &v.Free, Offline: !v.Online,
	}
}

func (r volumeRow) space() string {
	switch {
	case r.Offline:
		return "does not answer"
	case r.Capacity == nil:
		return "-"
	}
	return size(*r.Free) + " of " + size(*r.Capacity)
}

// details says where the volume is and whose key opens it.
func (r volumeRow) details() string {
	text := ""
	if r.Expired {
		text = "login ended: '" + loginCommand(r.Name) + "'"
	}
	for _, key := range sortedKeys(r.Config) {
		if text != "" {
			text += " "
		}
		text += key + "=" + r.Config[key]
	}
	return text
}

func (a *app) volumeListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the volumes of the library",
		Long:  "Lists cloud volumes and the file systems of this machine. Asks no provider; 'sd status'\ntells which ones answer.",
		Args:  args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			defer p.Close()
			rows, err := p.volumeRows(cmd.Context())
			if err != nil {
				return err
			}
			cells := [][]string{{"NAME", "URI", "KIND", "MEDIUM", "FREE", "DETAILS"}}
			for _, r := range rows {
				cells = append(cells, []string{r.Name, r.URI, r.Kind, orDash(r.Medium), r.space(), r.details()})
			}
			if a.json {
				return a.printJSON(rows)
			}
			return a.table(cells)
		},
	}
}

// endedLogins are the URIs of the volumes of which a mount knows that their login has ended.
func (p *places) endedLogins(ctx context.Context) map[string]bool {
	ended := map[string]bool{}
	for _, m := range p.mounts(ctx) {
		reply, err := m.ask(ctx, request{Do: "status", Limit: 1}, controlTimeout, false, nil)
		if err != nil || reply.Status == nil {
			continue
		}
		for _, v := range reply.Status.Volumes {
			ended[v.URI] = ended[v.URI] || v.Expired
		}
	}
	return ended
}

// volumeRows lists the cloud volumes in the order in which they were added, then the
// file systems of this machine.
func (p *places) volumeRows(ctx context.Context) ([]volumeRow, error) {
	clouds, err := p.resolver.Volumes(ctx, "")
	if err != nil {
		return nil, err
	}
	locals, err := p.resolver.LocalVolumes(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]volumeRow, 0, len(clouds)+len(locals))
	ended := p.endedLogins(ctx)
	for _, v := range clouds {
		row := newVolumeRow(v)
		row.Expired = ended[row.URI]
		rows = append(rows, row)
	}
	for _, v := range locals {
		rows = append(rows, newLocalRow(v, p.resolver.ThisDevice().Slug))
	}
	return rows, nil
}

func (a *app) volumeRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "remove-cloud NAME",
		Short:   "forget a cloud volume and its key",
		Long:    "Forgets a cloud volume and its key. What is stored there stays there.",
		Example: "  sd volume remove-cloud photos\n  sd volume remove-cloud s3://my-photos",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			defer p.Close()
			v, err := p.resolver.Remove(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := p.keys.Delete(secretName(v.Info)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("the volume is removed, but its key is not: %w", err)
			}
			if err := (learned{p.library, v.Fingerprint}).forget(cmd.Context()); err != nil {
				return err
			}
			a.tellMounts(cmd.Context(), p.library)
			if a.json {
				return a.printJSON(newVolumeRow(v))
			}
			fmt.Fprintf(a.out, "removed %s (%s); nothing in it was touched\n", quote(v.Info.Name), uri(v))
			return nil
		},
	}
}

func (a *app) volumeTestCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "test NAME",
		Short:   "ask a volume whether it is there and lets you in",
		Example: "  sd volume test photos",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			defer p.Close()
			v, err := p.resolver.Find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			took, err := p.reach(cmd.Context(), v)
			if a.json {
				result := map[string]any{"name": v.Info.Name, "uri": uri(v), "ok": err == nil, "seconds": took.Seconds()}
				if err != nil {
					result["error"] = err.Error()
				}
				if err := a.printJSON(result); err != nil {
					return err
				}
			}
			if err != nil {
				return reachError(v.Info, err)
			}
			if !a.json {
				fmt.Fprintf(a.out, "%s answers in %v\n", uri(v), took.Round(time.Millisecond))
			}
			return nil
		},
	}
}
