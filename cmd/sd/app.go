package main

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// app is what every command shares: the streams and the global flags.
type app struct {
	in          io.Reader
	out, errOut io.Writer

	dataDirFlag string
	libraryFlag string
	json        bool
	verbose     int

	buffered *bufio.Reader // what was read of in too early; see input
}

const rootHelp = `sd shows all of your files as one folder: this machine's under local/, buckets
under s3/, drives under gdrive/ and so on. The same names work as URIs in every command.

Wherever a command takes a PATH it may be a URI (s3://bucket/key, local://device/path),
a path below a live mountpoint (/sd/s3/bucket/key) or any local path.

Exit status: 0 done, 1 failed, 2 wrong usage.`

const rootExamples = `  sd mount                      serve the tree at /sd (root) or ~/sd
  sd volume add-cloud photos --service s3 --bucket my-photos
  sd ls -l s3://my-photos/2024
  sd status
  sd umount`

// rootCommand builds the whole command tree.
func (a *app) rootCommand() *cobra.Command {
	root := group(&cobra.Command{
		Use:     "sd",
		Short:   "all of your files as one folder",
		Long:    rootHelp,
		Example: rootExamples,
	})
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	root.SetFlagErrorFunc(flagError)

	flags := root.PersistentFlags()
	flags.StringVar(&a.dataDirFlag, "data-dir", "", "where libraries and keys lie (default $SD_DATA_DIR, else $XDG_DATA_HOME/sd, else ~/.local/share/sd)")
	flags.StringVar(&a.libraryFlag, "library", "", "the library to use (default: the one chosen by 'sd library switch')")
	flags.BoolVar(&a.json, "json", false, "print JSON")
	flags.CountVarP(&a.verbose, "verbose", "v", "tell more; twice, tell all")

	root.AddCommand(
		a.mountCommand(), a.umountCommand(), a.statusCommand(), a.refreshCommand(), a.doctorCommand(),
		a.libraryCommand(), a.deviceCommand(), a.volumeCommand(),
		a.locationCommand(), a.searchCommand(), a.jobCommand(),
		a.duplicatesCommand(), a.guardianCommand(), a.verifyCommand(),
		a.lsCommand(), a.catCommand(), a.statCommand(), a.duCommand(),
		a.cpCommand(), a.mvCommand(), a.rmCommand(), a.mkdirCommand(), a.syncCommand(), a.pinCommand(), a.unpinCommand(), a.trashCommand(), a.logCommand(),
		a.pathCommand(), a.resolveCommand(), a.versionCommand(),
	)
	root.InitDefaultCompletionCmd()
	completion, _, _ := root.Find([]string{"completion"})
	for _, shell := range group(completion).Commands() {
		shell.Args = args(0, 0)
	}
	return root
}

// group makes cmd a command that only holds others: alone it shows its help as an
// error, and with a word that is none of them it says which word comes close.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			cmd.SetOut(cmd.ErrOrStderr())
			_ = cmd.Help()
			return usagef("which command?")
		}
		text := "unknown command " + quote(args[0])
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			text += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return usagef("%s", text)
	}
	cmd.SuggestionsMinimumDistance = 2
	return cmd
}

// flagError explains the flags that people give by habit from other tools.
func flagError(_ *cobra.Command, err error) error {
	text := err.Error()
	const aws = "set AWS_SECRET_ACCESS_KEY, or type it at the prompt, or pipe it in with --secret-stdin, or use --profile"
	for _, secret := range []struct{ flag, ways string }{
		{"--secret-access-key", aws},
		{"--secret", aws},
		{"--password", aws},
		{"--session-token", aws},
		{"--client-secret", "set SD_CLIENT_SECRET (for gdrive), or type it at the prompt, or pipe it in with --secret-stdin"},
		{"--account-key", "set AZURE_STORAGE_KEY, or type it at the prompt with --auth key, or pipe it in with --secret-stdin"},
		{"--sas", "set AZURE_STORAGE_SAS_TOKEN, or type it at the prompt with --auth sas, or pipe it in with --sas-stdin"},
		{"--connection-string", "set AZURE_STORAGE_CONNECTION_STRING, or pipe it in with --connection-string-stdin"},
	} {
		if strings.HasPrefix(text, "unknown flag: "+secret.flag) && !strings.HasSuffix(text, "-stdin") {
			return usagef("%s is not a flag, because everyone could read the secret in ps: %s", secret.flag, secret.ways)
		}
	}
	if number := new(strconv.NumError); errors.As(err, &number) {
		text = strings.Replace(text, number.Error(), "want a whole number", 1)
	}
	return usagef("%s", text)
}

// args refuses another number of arguments than min to max (max < 0: any).
func args(min, max int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < min:
			return usagef("missing: %s", strings.TrimPrefix(cmd.Use, cmd.Name()+" "))
		case max >= 0 && len(args) > max:
			return usagef("unexpected %s", quote(args[max]))
		}
		return nil
	}
}

// log is where a command that ends soon tells what it does: stderr, if -v asks.
func (a *app) log() *slog.Logger {
	level := slog.LevelWarn
	switch {
	case a.verbose == 1:
		level = slog.LevelInfo
	case a.verbose > 1:
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(a.errOut, &slog.HandlerOptions{Level: level}))
}
