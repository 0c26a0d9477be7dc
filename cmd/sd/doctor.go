package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// level is how a check came out.
type level string

const (
	ok   level = "ok"
	warn level = "warn"
	fail level = "fail"
)

// check is one line of sd doctor.
type check struct {
	Name  string `json:"name"`
	Level level  `json:"level"`
	Text  string `json:"text"`
	Mend  string `json:"mend,omitempty"`
}

func (c check) ok(text string) check {
	c.Level, c.Text = ok, text
	return c
}

func (c check) warn(text, mend string) check {
	c.Level, c.Text, c.Mend = warn, text, mend
	return c
}

func (c check) fail(text, mend string) check {
	c.Level, c.Text, c.Mend = fail, text, mend
	return c
}

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "say what is wrong with the set-up and how to mend it",
		Long: `Looks at the machine, the data directory, the library, the mounts and the volumes.
Each line is ok, warn (something works less well) or fail (something does not work),
with what to do about it. Exit status 1 if anything fails.`,
		Example: "  sd doctor\n  sd --json doctor",
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.doctor(cmd.Context())
		},
	}
}

func (a *app) doctor(ctx context.Context) error {
	checks := append(systemChecks(), a.checkPlaces(ctx)...)
	checks = append(checks, checkMounts(ctx)...)

	failed := false
	for _, c := range checks {
		failed = failed || c.Level == fail
	}
	if a.json {
		if err := a.printJSON(checks); err != nil {
			return err
		}
	} else {
		for _, c := range checks {
			fmt.Fprintf(a.out, "%-4s  %s: %s\n", c.Level, printable(c.Name), printable(c.Text))
			if c.Mend != "" {
				fmt.Fprintf(a.out, "      -> %s\n", printable(c.Mend))
			}
		}
	}
	if failed {
		return &quietError{}
	}
	return nil
}

// checkPlaces looks at the data directory, the library and the volumes.
func (a *app) checkPlaces(ctx context.Context) []check {
	dir, err := a.dataDir()
	if err != nil {
		return []check{check{Name: "data directory"}.fail(err.Error(), "set HOME")}
	}
	checks := []check{checkDataDir(dir)}
	c := check{Name: "library"}
	p, err := a.open(ctx)
	if err != nil {
		return append(checks, c.fail(err.Error(), "'sd library list' shows the libraries; 'sd --library NAME' uses another"))
	}
	defer p.Close()
	checks = append(checks, c.ok(p.library.Name()+" in "+dir), p.checkSecrets())
	return append(checks, p.checkVolumes(ctx)...)
}

// checkDataDir looks for files that others can read.
func checkDataDir(dir string) check {
	c := check{Name: "data directory"}
	info, err := os.Stat(dir)
	switch {
	case os.IsNotExist(err):
		return c.ok(dir + " will be made at first use")
	case err != nil:
		return c.fail(err.Error(), "make it readable for you")
	case !info.IsDir():
		return c.fail(dir+" is not a folder", "move that file away")
	case !ownedByUs(info):
		return c.fail(dir+" belongs to another user", "use a --data-dir of your own")
	}
	open := ""
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && filepath.Dir(path) == dir && (name == "staging" || name == "overlay" || name == "renames") {
			return filepath.SkipDir // private as a whole, and perhaps large
		}
		if info, err := d.Info(); err == nil && info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 && open == "" {
			open = path
		}
		return nil
	})
	switch {
	case err != nil:
		return c.fail(err.Error(), "make it readable for you")
	case open != "":
		return c.warn(open+" is open to other users", "chmod -R go= "+dir)
	}
	return c.ok(dir)
}

// checkMounts looks for mounts that are dead or do not answer.
func checkMounts(ctx context.Context) []check {
	var checks []check
	c := check{Name: "mounts"}
	live := map[string]bool{}
	for _, m := range liveMounts(ctx) {
		live[m.Mountpoint] = true
		began := time.Now()
		reply, err := m.ask(ctx, request{Do: "status", Limit: 1}, controlTimeout, false, nil)
		if err != nil {
			checks = append(checks, c.fail(err.Error(), "sd umount --lazy "+m.Mountpoint))
			continue
		}
		checks = append(checks, c.ok(fmt.Sprintf("%s answers in %v", m.Mountpoint, time.Since(began).Round(time.Millisecond))))
		if st := reply.Status; st != nil && st.Uploads != nil && st.Uploads.Failed > 0 {
			u := check{Name: "uploads"}
			checks = append(checks, u.warn(fmt.Sprintf("%s: %s; they are tried again", m.Mountpoint, st.Uploads.summary(time.Now())), "'sd status' says why"))
		}
	}
	table, _ := mountTable()
	for _, m := range table {
		if m.Type == "fuse.sd" && !live[m.Mountpoint] && isDead(m.Mountpoint) {
			checks = append(checks, c.fail(m.Mountpoint+" is a dead mount", "sd mount "+m.Mountpoint+", or sd umount "+m.Mountpoint))
		}
	}
	if len(checks) == 0 {
		checks = append(checks, c.ok("none"))
	}
	return checks
}
