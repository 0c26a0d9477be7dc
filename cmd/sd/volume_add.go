package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sd/backends"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// addFlags are the flags of sd volume add-cloud.
type addFlags struct {
	service     string
	bucket      string
	region      string
	endpoint    string
	credentials credentialFlags
	noCheck     bool
}

func (a *app) volumeAddCommand() *cobra.Command {
	var f addFlags
	cmd := &cobra.Command{
		Use:   "add-cloud NAME",
		Short: "add a bucket",
		Long: `Adds a bucket. It appears below its service's folder in every mount at once.

The key comes from the first of these that is there:
  --anonymous             none: the bucket is public
  --profile P             a profile of ~/.aws/config, read when it is needed
  --access-key-id ID      with the secret from AWS_SECRET_ACCESS_KEY, from a pipe
                          (--secret-stdin), or typed at the prompt
  AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment
  the SDK's own sources   default profile, SSO, container or instance role
A secret is kept in the system's keyring or in an encrypted file, and never on a
command line, where everyone can read it.

Before it is added, the bucket is asked whether it is there and lets you in.`,
		Example: `  sd volume add-cloud photos --service s3 --bucket my-photos --profile home
  sd volume add-cloud minio --service s3 --bucket data --endpoint http://nas:9000 --access-key-id me
  pass show r2 | sd volume add-cloud r2 --service s3 --bucket b --access-key-id me --secret-stdin \
      --endpoint https://ACCOUNT.r2.cloudflarestorage.com
  sd volume add-cloud open --service s3 --bucket noaa-ghcn-pds --anonymous`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.addCloud(cmd.Context(), args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.service, "service", "", "s3, b2, wasabi or spaces; s3 for all that speaks its protocol")
	flags.StringVar(&f.bucket, "bucket", "", "the bucket")
	flags.StringVar(&f.region, "region", "", "its region (default: found out)")
	flags.StringVar(&f.endpoint, "endpoint", "", "the server's URL, if it is not AWS")
	flags.StringVar(&f.credentials.profile, "profile", "", "use this profile of the AWS configuration")
	flags.BoolVar(&f.credentials.anonymous, "anonymous", false, "use no key")
	flags.StringVar(&f.credentials.accessKeyID, "access-key-id", "", "the public half of the key")
	flags.BoolVar(&f.credentials.secretStdin, "secret-stdin", false, "read the secret half from standard input")
	flags.BoolVar(&f.noCheck, "no-check", false, "add it without asking whether it is there")
	return cmd
}

// volume is what the flags describe, without the secret.
func (f addFlags) volume(name string, key *keyPair) (resolver.CloudVolume, error) {
	if f.service == "" {
		return resolver.CloudVolume{}, usagef("say which --service: s3, b2, wasabi or spaces")
	}
	service, err := sdpath.ParseService(f.service)
	if err != nil {
		return resolver.CloudVolume{}, usagef("%v", err)
	}
	if factories(nil, nil)[service] == nil {
		return resolver.CloudVolume{}, &resolver.NoDriverError{Service: service}
	}
	if f.bucket == "" {
		return resolver.CloudVolume{}, usagef("say which --bucket")
	}
	if f.endpoint != "" && !strings.Contains(f.endpoint, "://") {
		f.endpoint = "https://" + f.endpoint
	}
	config := map[string]string{
		configRegion:   f.region,
		configEndpoint: f.endpoint,
		configProfile:  f.credentials.profile,
	}
	if f.credentials.anonymous {
		config[configAnonymous] = "true"
	}
	if key != nil {
		config[configAccessKey] = key.AccessKeyID
	}
	for k, v := range config {
		if v == "" {
			delete(config, k)
		}
	}
	return resolver.CloudVolume{Name: name, Service: service, Identifier: f.bucket, Config: config}, nil
}

func (a *app) addCloud(ctx context.Context, name string, f addFlags) error {
	if _, err := f.volume(name, nil); err != nil {
		return err
	}
	if err := f.credentials.check(); err != nil {
		return err
	}
	p, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	key, err := a.credentials(f.credentials)
	if err != nil {
		return err
	}
	spec, err := f.volume(name, key)
	if err != nil {
		return err
	}
	v, err := p.add(ctx, spec, key, func() error { return a.tryOut(ctx, spec, key, f.noCheck) })
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

// tryOut asks the bucket whether it is there. That nobody can be reached now is no
// reason not to add it.
func (a *app) tryOut(ctx context.Context, spec resolver.CloudVolume, key *keyPair, skip bool) error {
	row := library.Volume{Service: spec.Service, Identifier: spec.Identifier, Config: spec.Config}
	b, err := openS3(row, nil, func() (*keyPair, error) { return key, nil })
	if err != nil || skip {
		return err
	}
	defer b.Close()
	_, err = ask(ctx, b)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, backends.ErrOffline), errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintf(a.errOut, "sd: %v; it is added all the same\n", reachError(spec.Identifier, err))
		return nil
	}
	return fmt.Errorf("%w; to add it all the same, give --no-check", reachError(spec.Identifier, err))
}

// add keeps the key and adds the volume, or does neither.
func (p *places) add(ctx context.Context, spec resolver.CloudVolume, key *keyPair, check func() error) (*resolver.Volume, error) {
	if v, err := p.resolver.Find(ctx, spec.Fingerprint()); err == nil {
		return nil, &library.VolumeConflictError{Field: "fingerprint", Existing: v.Info}
	}
	if err := check(); err != nil {
		return nil, err
	}
	name := secretName(library.Volume{Fingerprint: spec.Fingerprint()})
	if key != nil {
		text, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		if err := p.keys.Set(name, text); err != nil {
			return nil, fmt.Errorf("the key could not be kept: %w", err)
		}
	}
	v, err := p.resolver.AddCloud(ctx, spec)
	if err != nil && key != nil {
		err = errors.Join(err, p.keys.Delete(name))
	}
	return v, err
}
