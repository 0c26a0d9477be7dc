package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sd/sdpath"
)

// refreshTimeout bounds how long a mount may take to forget what it knows of a folder.
const refreshTimeout = 30 * time.Second

func (a *app) refreshCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "refresh PATH...",
		Short: "see changes at a provider at once",
		Long: `Makes the live mounts forget what they know of a cloud file, or of a folder and all below
it, so that the next look shows it as it is at its provider. Without this, changes that
others make there are seen within 'sd mount --metadata-ttl'. What is written here and
not uploaded yet stays as it is. Nothing is asked of a provider by this.`,
		Example: "  sd refresh s3://photos/2024\n  sd refresh .\n  sd refresh /sd        all volumes",
		Args:    args(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			defer p.Close()
			for _, arg := range args {
				if err := p.refresh(cmd.Context(), arg); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// refresh tells the mounts that show arg.
func (p *places) refresh(ctx context.Context, arg string) error {
	uri, local, err := p.parsePath(ctx, arg)
	if err != nil {
		return err
	}
	var mounts []*mountInfo
	rel := ""
	switch uri := uri.(type) {
	case nil:
		// A folder of one mount, above all volumes.
		m, below := mountOver(ctx, local)
		if m == nil {
			return fmt.Errorf("%s is in no live mount", arg)
		}
		mounts, rel = []*mountInfo{m}, below
	case sdpath.Physical:
		return nil // what is local is never out of date
	case sdpath.Content:
		return nil // nor is what never changes
	default:
		if _, _, err := p.resolver.Resolve(ctx, uri); err != nil {
			return err
		}
		mounts, rel = p.mounts(ctx), shownAt(uri)
	}
	if len(mounts) == 0 {
		return errors.New("nothing is mounted, so nothing is out of date; 'sd mount' mounts")
	}
	for _, m := range mounts {
		reply, err := m.ask(ctx, request{Do: "refresh", Path: rel}, refreshTimeout, false, nil)
		if err == nil && reply.Error != "" {
			err = errors.New(reply.Error)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", arg, err)
		}
	}
	return nil
}
