package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sd/backends/rclone"
	"sd/library"
	"sd/login"
)

// importFlags are the flags of sd volume import-rclone.
type importFlags struct {
	config             string
	list, yes, noCheck bool
}

func (a *app) volumeImportCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import-rclone [REMOTE[:PATH]...]",
		Short: "add volumes from rclone's configuration",
		Long: `Adds what rclone's configuration has, all or those that are named. Drives with a client
id of their own, and buckets and containers, become volumes of their services, with their
keys and logins; PATH is the bucket, or the top folder. All else, also remotes with
settings that only rclone heeds, is reached through rclone's own code, as rclone://REMOTE. The configuration is read and never written.

It shows what it will do and asks. Of an encrypted configuration the password is taken
from RCLONE_CONFIG_PASS or typed at the prompt.`,
		Example: `  sd volume import-rclone --list
  sd volume import-rclone gdrive nas
  sd volume import-rclone r2:photos --yes`,
		Args: args(0, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.importRclone(cmd.Context(), args, f)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return completeRemotes(f.config)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.config, "rclone-config", "", "where the configuration `file` is (default: RCLONE_CONFIG, or rclone's own place)")
	flags.BoolVar(&f.list, "list", false, "only show what would be done")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do it without asking")
	flags.BoolVar(&f.noCheck, "no-check", false, "add them without asking whether they are there")
	return cmd
}

// importRow is what becomes of one remote.
type importRow struct {
	Remote string `json:"remote"`
	Type   string `json:"type"`
	Name   string `json:"name,omitempty"`
	URI    string `json:"uri,omitempty"`
	State  string `json:"state"` // new, there, added, refused, failed
	Why    string `json:"why,omitempty"`

	draft draft
}

func (a *app) importRclone(ctx context.Context, names []string, f importFlags) error {
	p, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	source, err := a.readRemotes(f.config)
	if err != nil {
		return err
	}
	rows, err := source.plan(names)
	if err != nil {
		return err
	}
	fresh := p.sortOut(ctx, rows)
	if !a.json {
		if err := a.printImport(rows); err != nil {
			return err
		}
	}
	switch yes, err := a.mayImport(ctx, f, fresh); {
	case err != nil:
		return err
	case yes:
		a.importAll(ctx, p, rows, f.noCheck)
	}
	if a.json {
		if err := a.printJSON(rows); err != nil {
			return err
		}
	}
	return importFailure(rows, len(names) > 0)
}

// sortOut finds out which rows are there already and gives the others names of their own.
// It returns how many there are to add.
func (p *places) sortOut(ctx context.Context, rows []importRow) (fresh int) {
	taken := map[string]bool{}
	for i := range rows {
		r := &rows[i]
		if r.State != "new" {
			continue
		}
		if v, err := p.resolver.Find(ctx, r.draft.Fingerprint()); err == nil {
			r.State, r.Name, r.URI = "there", v.Info.Name, uri(v)
			continue
		}
		name := r.Name
		for n := 2; taken[name] || p.mayBeNamed(ctx, name) != nil; n++ {
			name = fmt.Sprintf("%s-%d", r.Name, n)
		}
		taken[name] = true
		r.Name, r.draft.Name = name, name
		fresh++
	}
	return fresh
}

func (a *app) printImport(rows []importRow) error {
	if len(rows) == 0 {
		fmt.Fprintln(a.out, "rclone's configuration has no remote")
		return nil
	}
	cells := [][]string{{"REMOTE", "TYPE", "BECOMES", "NAME", ""}}
	for _, r := range rows {
		why := r.Why
		if r.State == "there" {
			why = "there already"
		}
		cells = append(cells, []string{r.Remote, r.Type, orDash(r.URI), orDash(r.Name), why})
	}
	return a.table(cells)
}

// mayImport tells whether the user wants what was shown.
func (a *app) mayImport(ctx context.Context, f importFlags, fresh int) (bool, error) {
	switch {
	case f.list || fresh == 0:
		return false, nil
	case f.yes:
		return true, nil
	case a.json || !a.asksOnTerminal():
		return false, errors.New("nobody is there to agree: nothing was done; --yes agrees, --list only shows")
	}
	fmt.Fprintf(a.errOut, "add %s? [y/N] ", counted(int64(fresh), "volume"))
	yes, err := a.readAnswer(ctx)
	if err == nil && !yes {
		fmt.Fprintln(a.errOut, "nothing was done")
	}
	return yes, err
}

func (a *app) importAll(ctx context.Context, p *places, rows []importRow, noCheck bool) {
	for i := range rows {
		r := &rows[i]
		if r.State != "new" {
			continue
		}
		err := a.findAccount(ctx, &r.draft, noCheck)
		if err == nil {
			v, e := a.addDraft(ctx, p, r.draft, noCheck)
			if err = e; err == nil {
				r.State, r.URI = "added", uri(v)
				if !a.json {
					fmt.Fprintf(a.out, "added %s as %s\n", quote(v.Info.Name), r.URI)
				}
				continue
			}
		}
		// Whose login it is was not known before.
		if there := new(library.VolumeConflictError); errors.As(err, &there) && there.Field == "fingerprint" {
			r.State, r.Name, r.URI = "there", there.Existing.Name, there.Existing.MountPoint
			if !a.json {
				fmt.Fprintf(a.out, "%s is there already, as %s\n", r.Remote, quote(r.Name))
			}
			continue
		}
		if remote, _, _ := strings.Cut(r.Remote, ":"); errors.Is(err, login.ErrEnded) {
			err = fmt.Errorf("%w: 'rclone config reconnect %s:' logs in anew", err, remote)
		}
		r.State, r.Why = "failed", err.Error()
		fmt.Fprintf(a.errOut, "sd: %s: %v\n", r.Remote, err)
	}
	a.tellMounts(ctx, p.library)
}

// importFailure is the end of an import of which something did not work. Remotes that nobody
// has named may be refused.
func importFailure(rows []importRow, named bool) error {
	failed, refused := 0, 0
	for _, r := range rows {
		switch r.State {
		case "failed":
			failed++
		case "refused":
			refused++
		}
	}
	if failed > 0 || named && refused > 0 {
		return &quietError{}
	}
	return nil
}

// remotes is rclone's configuration, and what it takes to read it again.
type remotes struct {
	all      []rclone.Remote
	path     string // "" is rclone's own place
	password string // "" if it is not encrypted
}

func (a *app) readRemotes(path string) (*remotes, error) {
	path, err := configPath(path)
	if err != nil {
		return nil, err
	}
	s := &remotes{path: path}
	password := configPassword(func() (string, error) {
		return a.secret(secretQuestion{prompt: "Password of rclone's configuration: ", variable: passwordVariable})
	})
	s.all, err = readConfig(s.path, func() (text string, err error) {
		s.password, err = password()
		return s.password, err
	})
	return s, err
}

// plan says what becomes of the named remotes, or of all.
func (s *remotes) plan(names []string) ([]importRow, error) {
	rows := []importRow{}
	if len(names) == 0 {
		for i := range s.all {
			rows = append(rows, s.row(&s.all[i], ""))
		}
		return rows, nil
	}
	for _, arg := range names {
		name, path, _ := strings.Cut(arg, ":")
		found := false
		var known []string
		for i := range s.all {
			known = append(known, s.all[i].Name)
			if s.all[i].Name == name {
				found = true
				rows = append(rows, s.row(&s.all[i], strings.Trim(path, "/")))
			}
		}
		if !found {
			return nil, &noRemoteError{name, known}
		}
	}
	return rows, nil
}

// row says what becomes of one remote.
func (s *remotes) row(r *rclone.Remote, path string) importRow {
	row := importRow{Remote: r.Name, Type: r.Type, Name: r.Name}
	if path != "" {
		row.Remote += ":" + path
	}
	d, err := s.convert(r, path)
	if err == nil {
		err = d.mayBeOpened()
	}
	if err != nil {
		row.State, row.Why, row.Name = "refused", err.Error(), ""
		return row
	}
	row.State, row.draft = "new", d
	row.URI = string(d.Service) + "://" + d.Identifier
	return row
}

// mayBeOpened refuses what this build does not have, and settings that are wrong. It asks
// nobody.
func (d draft) mayBeOpened() error {
	held := newVault(&pocket{}, d.row())
	if err := held.set(d.secrets); err != nil {
		return err
	}
	b, err := openers[d.Service](d.row(), needs{vault: held})
	if err == nil {
		closeBackend(b)
	}
	return err
}
