package main

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"time"

	"github.com/spf13/cobra"

	"sd/guardian"
	"sd/library"
)

func (a *app) guardianCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "guardian",
		Short: "know what would be lost with a disk, a machine or a bucket",
		Long: `The guardian counts the copies that were proven to hold the same bytes, and compares
them with what you ask for. Without a policy it measures against 2 copies on different
devices. A bucket, and a file server, is a device of its own. What lies in memory (tmpfs)
is no copy.`,
	})
	policy := group(&cobra.Command{
		Use:   "policy",
		Short: "say how many copies there should be",
	})
	policy.AddCommand(a.policySetCommand(), a.policyListCommand(), a.policyRemoveCommand())
	cmd.AddCommand(a.guardianReportCommand(), policy, a.guardianProtectCommand())
	return cmd
}

func (a *app) policySetCommand() *cobra.Command {
	var copies int
	var different string
	cmd := &cobra.Command{
		Use:   "set PATH",
		Short: "ask for copies of a folder's files",
		Long: `Asks for so many copies of each file at PATH or below it, of which any two differ in all
that --on-different lists: device (a machine, a server, a bucket), medium (ssd, hdd,
network, cloud), volume (a file system or a bucket). Of the policies above a file the
nearest counts, alone. --copies 1 asks for nothing, for what need not be kept twice.`,
		Example: `  sd guardian policy set ~/Photos --copies 2 --on-different device,medium
  sd guardian policy set ~/Downloads --copies 1`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := library.ParseDifference(different)
			if err != nil {
				return usagef("--on-different: %v", err)
			}
			if copies < 1 || copies > library.MaxCopies {
				return usagef("--copies: want a number from 1 to %d", library.MaxCopies)
			}
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.setPolicy(ctx, p, args[0], library.Policy{Copies: copies, Different: d})
			})
		},
	}
	cmd.Flags().IntVar(&copies, "copies", guardian.Default.Copies, "how many copies there should be")
	cmd.Flags().StringVar(&different, "on-different", guardian.Default.Different.String(), `what no two of them share: device, medium, volume, or "" for nothing`)
	return cmd
}

// policyRow is a policy as it is printed.
type policyRow struct {
	Path      string    `json:"path"` // a URI
	Copies    int       `json:"copies"`
	Different []string  `json:"on_different"`
	Created   time.Time `json:"created"`
}

func (p *places) policyRow(policy library.Policy) policyRow {
	return policyRow{Path: p.placeURI(policy.Place, policy.Path), Copies: policy.Copies, Different: policy.Different.Names(), Created: policy.Created}
}

func (a *app) setPolicy(ctx context.Context, p *places, arg string, policy library.Policy) error {
	at, err := p.scope(ctx, arg)
	if err != nil {
		return err
	}
	policy.Place, policy.Path, policy.Created = at.Place, at.Path, time.Now().UTC()
	if err := p.library.SetPolicy(ctx, policy); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(p.policyRow(policy))
	}
	fmt.Fprintf(a.out, "%s: %s\n", printable(p.placeURI(at.Place, at.Path)), guardian.Describe(policy))
	return p.warnUnindexed(ctx, a, at)
}

// warnUnindexed says so where no location has anything of s.
func (p *places) warnUnindexed(ctx context.Context, a *app, s guardian.Scope) error {
	list, err := p.library.Locations(ctx)
	if err != nil {
		return err
	}
	for _, loc := range list {
		if loc.Holds(s.Place, s.Path) || s.Holds(loc.Place, loc.Path) {
			return nil
		}
	}
	uri := p.placeURI(s.Place, s.Path)
	fmt.Fprintf(a.errOut, "%s lies in no location, so nothing is known of its files: index them with 'sd location add %s'\n", printable(uri), shellWord(uri))
	return nil
}

func (a *app) policyListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the policies",
		Args:  args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withPlaces(cmd.Context(), a.listPolicies)
		},
	}
}

func (a *app) listPolicies(ctx context.Context, p *places) error {
	list, err := p.library.Policies(ctx)
	if err != nil {
		return err
	}
	rows := make([]policyRow, len(list))
	cells := [][]string{{"PATH", "WANTS"}}
	for i, policy := range list {
		rows[i] = p.policyRow(policy)
		cells = append(cells, []string{rows[i].Path, guardian.Describe(policy)})
	}
	if a.json {
		return a.printJSON(rows)
	}
	return a.table(append(cells, []string{"(all else)", guardian.Describe(guardian.Default)}))
}

func (a *app) policyRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove PATH",
		Short: "drop the policy of a folder",
		Args:  args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				at, err := p.scope(ctx, args[0])
				if err != nil {
					return err
				}
				err = p.library.RemovePolicy(ctx, at.Place, at.Path)
				if errors.Is(err, iofs.ErrNotExist) {
					return fmt.Errorf("%s has no policy of its own: 'sd guardian policy list' shows those there are", args[0])
				}
				return err
			})
		},
	}
}
