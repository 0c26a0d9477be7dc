package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sd/backends"
	"sd/library"
	"sd/login"
	"sd/resolver"
	"sd/sdpath"
	"sd/secrets"
)

func (a *app) volumeLoginCommand() *cobra.Command {
	var from secretSource
	cmd := &cobra.Command{
		Use:   "login NAME",
		Short: "log in to a volume again, or give its key again",
		Long: `Logs in again where a login has ended, and asks for the key of a volume that has one:
it was changed, or this machine does not have it. The new one is tried out first. Mounts
take it over by themselves; nothing has to be mounted again.

The login of a remote of rclone.conf is renewed there before, with 'rclone config
reconnect REMOTE:'.`,
		Example: `  sd volume login drive
  sd volume login drive --headless
  pass show nas | sd volume login nas --secret-stdin`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.volumeLogin(cmd.Context(), args[0], from)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&from.headless, "headless", false, "log in with a browser on another machine")
	flags.BoolVar(&from.stdin, "secret-stdin", false, "read the key, or your application's secret, from standard input")
	return cmd
}

func (a *app) volumeLogin(ctx context.Context, name string, from secretSource) error {
	p, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	v, err := p.resolver.Find(ctx, name)
	if err != nil {
		return err
	}
	kept := newVault(p.keys, v.Info)
	if _, err := kept.some(); errors.Is(err, secrets.ErrKey) {
		return err // nothing can be kept: before anybody logs in
	}
	change, err := a.newSecrets(ctx, v, kept, from)
	if err != nil {
		return err
	}
	held := newVault(&pocket{}, v.Info)
	old, err := kept.some()
	if err != nil {
		old = nil // what cannot be read is replaced
	}
	if err := errors.Join(held.set(old), held.set(change)); err != nil {
		return err
	}
	if err := a.tryLogin(ctx, v, held); err != nil {
		return err
	}
	// The try may have renewed the token. What is gone has to go from what is kept, too.
	all, err := held.some()
	if err != nil {
		return err
	}
	for key := range change {
		if all[key] == "" {
			all[key] = ""
		}
	}
	if err := kept.replace(all); err != nil {
		return fmt.Errorf("the key could not be kept: %w", err)
	}
	a.tell(ctx, p.library, request{Do: "renewed", Volume: v.Fingerprint}, renewTimeout+controlTimeout)
	if a.json {
		return a.printJSON(newVolumeRow(v))
	}
	fmt.Fprintf(a.out, "%s (%s) has its new key\n", quote(v.Info.Name), uri(v))
	return nil
}

// tryLogin refuses a key that the service refuses. Nothing is said against one that cannot
// be tried now.
func (a *app) tryLogin(ctx context.Context, v *resolver.Volume, held vault) error {
	b, err := openers[v.Service](v.Info, needs{vault: held})
	if err != nil {
		return err
	}
	defer closeBackend(b)
	switch _, err := ask(ctx, b); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, backends.ErrOffline), errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintf(a.errOut, "sd: %v; the key is kept untried\n", reachError(v.Info, err))
		return nil
	default:
		return fmt.Errorf("%w; nothing was changed", reachError(v.Info, err))
	}
}

// newSecrets asks for what stands in the place of the volume's present secrets.
func (a *app) newSecrets(ctx context.Context, v *resolver.Volume, kept vault, from secretSource) (map[string]string, error) {
	config := v.Info.Config
	ask := func(prompt, variable, key string) (map[string]string, error) {
		text, err := a.secret(secretQuestion{prompt: prompt, stdin: from.stdin, variable: variable, flag: "--secret-stdin"})
		return map[string]string{key: text}, err
	}
	switch v.Service {
	case sdpath.GDrive, sdpath.OneDrive, sdpath.Dropbox:
		return a.loginAgain(ctx, v, kept, from)
	case sdpath.Rclone:
		return a.remoteAgain(v, from)
	case sdpath.AzBlob:
		switch config[configAuth] {
		case authKey:
			return ask("Account key: ", "", secretAccountKey)
		case authSAS:
			change, err := ask("SAS token: ", "", secretSAS)
			change[secretSAS] = bareSAS(change[secretSAS])
			return change, err
		}
		return nil, fmt.Errorf("volume %s has no key of its own: log in with 'az login'", quote(v.Info.Name))
	}
	switch {
	case config[configAccessKey] != "":
		return ask("Secret access key for "+config[configAccessKey]+": ", "", secretAccessKey)
	case v.Service == sdpath.GCS && config[configAuth] == authStored:
		d := draft{CloudVolume: resolver.CloudVolume{Config: map[string]string{}}, secrets: map[string]string{}}
		if !from.stdin {
			return nil, usagef("pipe the JSON of the account in with --secret-stdin")
		}
		if err := a.readCredentials(&d); err != nil {
			return nil, err
		}
		if who := d.Config[configAccount]; who != config[configAccount] {
			return nil, otherAccount(v, who)
		}
		return d.secrets, nil
	case config[configAnonymous] == "true":
		return nil, fmt.Errorf("volume %s is public: it needs no key", quote(v.Info.Name))
	case config[configCredentials] != "":
		return nil, fmt.Errorf("volume %s uses the key in %s: put the new one there", quote(v.Info.Name), config[configCredentials])
	case v.Service == sdpath.GCS:
		return nil, fmt.Errorf("volume %s has no key of its own: log in with 'gcloud auth application-default login'", quote(v.Info.Name))
	case config[configProfile] != "":
		return nil, fmt.Errorf("volume %s uses a profile: log in with 'aws sso login --profile %s', or mend the profile", quote(v.Info.Name), shellWord(config[configProfile]))
	}
	return nil, fmt.Errorf("volume %s has no key of its own: it uses those of the AWS configuration", quote(v.Info.Name))
}

// loginAgain gets a new token for the same account.
func (a *app) loginAgain(ctx context.Context, v *resolver.Volume, kept vault, from secretSource) (map[string]string, error) {
	config := v.Info.Config
	old, err := kept.some()
	if err != nil {
		a.log().Info("the old secrets cannot be read", "err", err)
	}
	secret, err := a.clientSecret(v.Service, from, old[secretClientSecret])
	if err != nil {
		return nil, err
	}
	s, err := a.logIn(ctx, v.Service, config[configRegion], login.Client{ID: config[configClientID], Secret: secret}, from.headless)
	if err != nil {
		return nil, err
	}
	if !sameAccount(v.Info, s.account) {
		who := s.account.Name
		if who == config[configAccount] {
			who = "another one of that name"
		}
		return nil, otherAccount(v, who)
	}
	return map[string]string{secretClientSecret: secret, secretToken: s.token.Text()}, nil
}

// sameAccount tells whether who is the account that v is of. Microsoft may tell no more of it
// than a name that others have too, so there the account's own drive counts, unless v is that
// of a team.
func sameAccount(v library.Volume, who login.Account) bool {
	if v.Service == sdpath.OneDrive && v.Config[configDriveType] != "documentLibrary" && v.Config[configDriveID] != "" {
		return slices.ContainsFunc(who.Drives, func(d login.Drive) bool { return strings.EqualFold(d.ID, v.Config[configDriveID]) })
	}
	return v.Config[configAccount] == "" || who.Name == v.Config[configAccount]
}

func otherAccount(v *resolver.Volume, who string) error {
	return fmt.Errorf("volume %s is of the account %s, and this is %s: log in with the other one; 'sd volume add-cloud' adds this one", quote(v.Info.Name), v.Info.Config[configAccount], who)
}

// remoteAgain takes the token that rclone's configuration has now, whose password may be
// another one.
func (a *app) remoteAgain(v *resolver.Volume, from secretSource) (map[string]string, error) {
	change := map[string]string{secretTokenOf + v.Info.Identifier: ""}
	_, _, err := findRemote(v.Info.Config[configConfigFile], v.Info.Identifier, func() (string, error) {
		text, err := a.secret(secretQuestion{
			prompt: "Password of rclone's configuration: ", stdin: from.stdin, variable: passwordVariable, flag: "--secret-stdin",
		})
		change[secretConfigPassword] = text
		return text, err
	})
	if err == nil {
		fmt.Fprintf(a.errOut, "what rclone's configuration has for %s is used; a login that has ended is renewed with 'rclone config reconnect %s:'\n",
			v.Info.Identifier, v.Info.Identifier)
	}
	return change, err
}
