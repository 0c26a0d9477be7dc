package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sd/backends/rclone"
	"sd/backends/s3"
	"sd/sdpath"
)

// addFlags are the flags of sd volume add-cloud. No secret is among them: everyone could
// read it in ps.
type addFlags struct {
	service string
	noCheck bool

	bucket, region, endpoint, profile, dialect, accessKeyID string
	anonymous                                               bool
	credentials                                             string // a file, or "-"
	account, container, auth                                string
	clientID, drive, folder                                 string
	remote, rcloneConfig                                    string

	from secretSource
}

// secretSource says how the user gives secrets.
type secretSource struct {
	stdin, sas, connection bool // standard input has a key, a SAS, a connection string
	headless               bool // the browser is on another machine
}

// flagGroup is a part of the help.
type flagGroup struct {
	title string
	flags *pflag.FlagSet
}

// takes says which flags each service takes, the one that it cannot do without first.
var takes = map[sdpath.Service][]string{
	sdpath.S3:       {"bucket", "region", "endpoint", "dialect", "profile", "anonymous", "access-key-id", "secret-stdin"},
	sdpath.Wasabi:   {"bucket", "region", "endpoint", "profile", "anonymous", "access-key-id", "secret-stdin"},
	sdpath.Spaces:   {"bucket", "region", "endpoint", "profile", "anonymous", "access-key-id", "secret-stdin"},
	sdpath.B2:       {"bucket", "region", "endpoint", "profile", "anonymous", "access-key-id", "secret-stdin"},
	sdpath.GCS:      {"bucket", "endpoint", "credentials", "anonymous", "access-key-id", "secret-stdin"},
	sdpath.AzBlob:   {"container", "account", "endpoint", "auth", "anonymous", "secret-stdin", "sas-stdin", "connection-string-stdin"},
	sdpath.GDrive:   {"client-id", "drive", "secret-stdin", "headless"},
	sdpath.OneDrive: {"client-id", "folder", "region", "secret-stdin", "headless"},
	sdpath.Dropbox:  {"client-id", "folder", "secret-stdin", "headless"},
	sdpath.Rclone:   {"remote", "rclone-config"},
}

// groups makes the flags, in the order in which the help has them.
func (f *addFlags) groups() []flagGroup {
	set := func(title string, fill func(*pflag.FlagSet)) flagGroup {
		flags := pflag.NewFlagSet(title, pflag.ContinueOnError)
		flags.SortFlags = false
		fill(flags)
		return flagGroup{title, flags}
	}
	return []flagGroup{
		set("Flags", func(s *pflag.FlagSet) {
			s.StringVar(&f.service, "service", "", "one of those below; s3 for all that speaks its protocol")
			s.BoolVar(&f.noCheck, "no-check", false, "add it without asking whether it is there")
			s.BoolVar(&f.from.stdin, "secret-stdin", false, "read the secret key, or your application's secret, from standard input")
		}),
		set("s3, wasabi, spaces, b2, gcs", func(s *pflag.FlagSet) {
			s.StringVar(&f.bucket, "bucket", "", "the bucket")
			s.StringVar(&f.region, "region", "", "its region (default: found out); onedrive: global, us or cn")
			s.StringVar(&f.endpoint, "endpoint", "", "the server's `URL`, if it is not the service's own; azblob too")
			s.StringVar(&f.dialect, "dialect", "", "s3: `which` kind of server it is, if its endpoint does not tell: minio, r2, ceph, …")
			s.StringVar(&f.profile, "profile", "", "use this profile of the AWS configuration; not for gcs")
			s.BoolVar(&f.anonymous, "anonymous", false, "use no key; azblob too")
			s.StringVar(&f.accessKeyID, "access-key-id", "", "the public half of the key; for gcs, of an HMAC key")
			s.StringVar(&f.credentials, "credentials", "", "gcs: the JSON `file` of a service account; - is standard input")
		}),
		set("azblob", func(s *pflag.FlagSet) {
			s.StringVar(&f.account, "account", "", "the storage account")
			s.StringVar(&f.container, "container", "", "the container")
			s.StringVar(&f.auth, "auth", "", "key, sas, or default: what Azure's own tools log in with")
			s.BoolVar(&f.from.sas, "sas-stdin", false, "read a SAS token from standard input")
			s.BoolVar(&f.from.connection, "connection-string-stdin", false, "read a connection string from standard input")
		}),
		set("gdrive, onedrive, dropbox", func(s *pflag.FlagSet) {
			s.StringVar(&f.clientID, "client-id", "", "your own client id: docs/services.md tells how to get one")
			s.StringVar(&f.drive, "drive", "", "gdrive: My Drive, Shared with me, or the name of a shared drive (default My Drive)")
			s.StringVar(&f.folder, "folder", "", "onedrive, dropbox: the top folder (default: all)")
			s.BoolVar(&f.from.headless, "headless", false, "log in with a browser on another machine")
		}),
		set("rclone", func(s *pflag.FlagSet) {
			s.StringVar(&f.remote, "remote", "", "a remote of rclone's configuration")
			s.StringVar(&f.rcloneConfig, "rclone-config", "", "where that `file` is (default: RCLONE_CONFIG, or rclone's own place)")
		}),
	}
}

// own makes the flags those of cmd, and groups them in its help.
func (f *addFlags) own(cmd *cobra.Command) {
	groups := f.groups()
	for _, g := range groups {
		cmd.Flags().AddFlagSet(g.flags)
	}
	cmd.Flags().SortFlags = false
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		w := cmd.OutOrStderr()
		fmt.Fprintf(w, "Usage:\n  %s\n\nExamples:\n%s\n", cmd.UseLine(), cmd.Example)
		for _, g := range groups {
			fmt.Fprintf(w, "\n%s:\n%s", g.title, g.flags.FlagUsages())
		}
		fmt.Fprintf(w, "\nGlobal Flags:\n%s", cmd.InheritedFlags().FlagUsages())
		return nil
	})
	words := func(list ...cobra.Completion) cobra.CompletionFunc {
		return cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)
	}
	var services []cobra.Completion
	for _, s := range sdpath.Services() {
		services = append(services, cobra.CompletionWithDesc(string(s), serviceNames[s]))
	}
	for name, complete := range map[string]cobra.CompletionFunc{
		"service": words(services...),
		"dialect": words(s3.Dialects()...),
		"auth":    words(authKey, authSAS, authDefault),
		"drive":   words(driveMine, driveShared),
		"remote": func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return completeRemotes(f.rcloneConfig)
		},
	} {
		if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
			panic(err) // there is no such flag
		}
	}
}

// serviceNames are what the services call themselves.
var serviceNames = map[sdpath.Service]string{
	sdpath.S3:       "Amazon S3 and all that speaks its protocol",
	sdpath.Wasabi:   "Wasabi",
	sdpath.Spaces:   "DigitalOcean Spaces",
	sdpath.B2:       "Backblaze B2",
	sdpath.GCS:      "Google Cloud Storage",
	sdpath.AzBlob:   "Azure Blob Storage",
	sdpath.GDrive:   "Google Drive",
	sdpath.OneDrive: "OneDrive and SharePoint",
	sdpath.Dropbox:  "Dropbox",
	sdpath.Rclone:   "a remote of your rclone.conf",
}

// completeRemotes lists the remotes of a configuration that is not encrypted.
func completeRemotes(path string) ([]cobra.Completion, cobra.ShellCompDirective) {
	path, err := configPath(path)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	all, err := rclone.ReadConfig(path, nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []cobra.Completion
	for _, r := range all {
		names = append(names, cobra.CompletionWithDesc(r.Name, r.Type))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// check refuses flags that the service does not take, and tells which service is meant.
func (f *addFlags) check(flags *pflag.FlagSet) (sdpath.Service, error) {
	if f.service == "" {
		return "", usagef("say which --service: %s", list(serviceList(func(sdpath.Service) bool { return true })))
	}
	service, err := sdpath.ParseService(f.service)
	if err != nil {
		return "", usagef("there is no service %s; there are %s", quote(f.service), list(serviceList(func(sdpath.Service) bool { return true })))
	}
	own := takes[service]
	var foreign error
	flags.Visit(func(flag *pflag.Flag) {
		others := serviceList(func(s sdpath.Service) bool { return slices.Contains(takes[s], flag.Name) })
		if len(others) > 0 && !slices.Contains(own, flag.Name) && foreign == nil {
			foreign = usagef("--%s is for %s; %s takes --%s", flag.Name, list(others), service, strings.Join(own, ", --"))
		}
	})
	if foreign != nil {
		return "", foreign
	}
	if need := flags.Lookup(own[0]); need.Value.String() == "" {
		switch need.Name {
		case "client-id":
			return "", usagef("say which --client-id: %s wants an application of your own; docs/services.md tells how to get one, under \"Your own client id\"", service)
		case "container":
			if f.from.connection {
				return "", usagef("say which --container of the account")
			}
		}
		return "", usagef("say which --%s", need.Name)
	}
	return service, nil
}

// serviceList are the services of which is is true, in their usual order.
func serviceList(is func(sdpath.Service) bool) (names []string) {
	for _, s := range sdpath.Services() {
		if is(s) {
			names = append(names, string(s))
		}
	}
	return names
}

// list is "a, b and c".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
