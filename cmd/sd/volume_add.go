package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"sd/backends"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

func (a *app) volumeAddCommand() *cobra.Command {
	var f addFlags
	cmd := &cobra.Command{
		Use:   "add-cloud NAME",
		Short: "add a bucket, a container or a drive",
		Long: `Adds a place of a cloud service. It appears below its service's folder in every mount
at once. Before it is added, it is asked whether it is there and lets you in.

Where a key is needed and none is named, that of the service's own tools is used: AWS
configuration and AWS_*, Google's application default credentials, the login of az.
Drives open a browser to log in, with a client id of your own (docs/services.md).

Secrets are typed at a prompt, piped in, or taken from AWS_SECRET_ACCESS_KEY,
AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, SD_CLIENT_SECRET (gdrive) or
RCLONE_CONFIG_PASS; never from a command line, where everyone can read them. They are
kept in the system's keyring or in an encrypted file.`,
		Example: `  sd volume add-cloud photos --service s3 --bucket my-photos --profile home
  pass show nas | sd volume add-cloud nas --service s3 --bucket data --endpoint http://nas:9000 --access-key-id me --secret-stdin
  sd volume add-cloud cold --service wasabi --bucket archive --region eu-central-1 --access-key-id ID    (spaces, b2 too)
  sd volume add-cloud logs --service gcs --bucket my-logs --credentials robot.json
  sd volume add-cloud work --service azblob --account corp --container work --auth key
  sd volume add-cloud mine --service gdrive --client-id ID.apps.googleusercontent.com
  sd volume add-cloud docs --service onedrive --client-id ID --folder Documents
  sd volume add-cloud box --service dropbox --client-id ID --headless
  sd volume add-cloud nas2 --service rclone --remote nas`,
		Args: args(1, 1),
	}
	f.own(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		service, err := f.check(cmd.Flags())
		if err != nil {
			return err
		}
		return a.addCloud(cmd.Context(), args[0], service, f)
	}
	return cmd
}

// draft is a volume that is about to be added, and the secrets to keep for it.
type draft struct {
	resolver.CloudVolume
	secrets map[string]string
}

// row is the draft as the library would have it.
func (d draft) row() library.Volume {
	return library.Volume{
		Fingerprint: d.Fingerprint(), Service: d.Service, Identifier: d.Identifier, Name: d.Name, Config: d.Config,
	}
}

func (a *app) addCloud(ctx context.Context, name string, service sdpath.Service, f addFlags) error {
	p, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := p.mayBeNamed(ctx, name); err != nil {
		return err // before anybody logs in
	}
	d, err := a.draft(ctx, name, service, f)
	if err != nil {
		return err
	}
	v, err := a.addDraft(ctx, p, d, f.noCheck)
	if err != nil {
		return err
	}
	a.tellMounts(ctx, p.library)
	if a.json {
		return a.printJSON(newVolumeRow(v))
	}
	fmt.Fprintf(a.out, "added %s as %s\n", quote(v.Info.Name), uri(v))
	if m := p.mount(ctx); m != nil {
		fmt.Fprintf(a.out, "it is at %s/%s/%s\n", m.Mountpoint, v.Service, v.Identifier)
	}
	return nil
}

// mayBeNamed refuses a name that a volume has.
func (p *places) mayBeNamed(ctx context.Context, name string) error {
	v, err := p.resolver.Find(ctx, name)
	if err == nil && v.Info.Name == name {
		return &library.VolumeConflictError{Field: "name", Existing: v.Info}
	}
	return nil
}

// addDraft tries the draft out, keeps its secrets and adds it, or does nothing of that.
func (a *app) addDraft(ctx context.Context, p *places, d draft, noCheck bool) (*resolver.Volume, error) {
	if v, err := p.resolver.Find(ctx, d.Fingerprint()); err == nil {
		return nil, &library.VolumeConflictError{Field: "fingerprint", Existing: v.Info}
	}
	for key, text := range d.Config {
		if text == "" {
			delete(d.Config, key)
		}
	}
	held := newVault(&pocket{}, d.row())
	if err := held.set(d.secrets); err != nil {
		return nil, err
	}
	if err := a.tryOut(ctx, d.row(), held, noCheck); err != nil {
		return nil, err
	}
	// A login may have been renewed meanwhile.
	all, err := held.some()
	if err != nil {
		return nil, err
	}
	kept := newVault(p.keys, d.row())
	if len(all) > 0 {
		if err := kept.replace(all); err != nil {
			return nil, fmt.Errorf("the key could not be kept: %w", err)
		}
	}
	v, err := p.resolver.AddCloud(ctx, d.CloudVolume)
	if err != nil && len(all) > 0 && !p.isThere(context.WithoutCancel(ctx), d.Fingerprint()) {
		err = errors.Join(err, p.keys.Delete(kept.at))
	}
	return v, err
}

// isThere tells whether the library has the volume of that fingerprint, or may have it: another
// process may just have added it, and the key is its key, too.
func (p *places) isThere(ctx context.Context, fingerprint string) bool {
	all, err := p.library.Volumes(ctx)
	return err != nil || slices.ContainsFunc(all, func(v library.Volume) bool { return v.Fingerprint == fingerprint })
}

// tryOut asks a volume whether it is there. That nobody can be reached now is no reason
// not to go on.
func (a *app) tryOut(ctx context.Context, row library.Volume, held vault, skip bool) error {
	b, err := openers[row.Service](row, needs{vault: held})
	if err != nil || skip {
		return err
	}
	defer closeBackend(b)
	_, err = ask(ctx, b)
	if err == nil {
		err = hasFolder(ctx, row, held)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, backends.ErrOffline), errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintf(a.errOut, "sd: %v; it is added all the same\n", reachError(row, err))
		return nil
	}
	return fmt.Errorf("%w; to add it all the same, give --no-check", reachError(row, err))
}

// hasFolder asks whether the top folder of a drive is there. To the drive's backend one that
// is not there is empty.
func hasFolder(ctx context.Context, row library.Volume, held vault) error {
	folder := row.Config[configFolder]
	if folder == "" {
		return nil
	}
	whole := row
	whole.Config = maps.Clone(row.Config)
	delete(whole.Config, configFolder)
	b, err := openers[row.Service](whole, needs{vault: held})
	if err != nil {
		return err
	}
	defer closeBackend(b)
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	e, err := b.Stat(ctx, folder)
	if err == nil && e.Kind != backends.Dir {
		err = &fs.PathError{Op: "open", Path: folder, Err: backends.ErrNotDir}
	}
	return err
}
