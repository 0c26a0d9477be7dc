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
	f := lookFlags{size: usualLook}
	cmd := &cobra.Command{
		Use:   "doctor [URI]",
		Short: "say what is wrong with the set-up and how to mend it, or what a store can do",
		Long: `Without a URI: looks at the machine, the data directory, the library, the mounts and
the volumes. Each line is ok, warn (something works less well) or fail (something does
not work), with what to do about it.

With the URI of a volume, or of a folder in one: tries out what its store can do. Which
rights the account has, which conditions the server heeds (by writers who race each
other), copies, uploads in parts, times, names, versions, latency and throughput. Below
each line is what sd does about it. All that is written lies in one folder .sd-doctor-…,
which is removed again, also after Ctrl-C; a bin of the service's own may keep it for a
while. It takes some 250 small requests, and moves --size up once and down twice.

Exit status 1 if anything fails.`,
		Example: `  sd doctor
  sd doctor s3://my-photos
  sd doctor s3://shared/my/folder --read-only
  sd --json doctor gcs://backup --size 64M`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return a.look(cmd.Context(), args[0], f)
			}
			for _, name := range []string{"read-only", "size"} {
				if cmd.Flags().Changed(name) {
					return usagef("--%s is about a store: name its URI", name)
				}
			}
			return a.doctor(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&f.readOnly, "read-only", false, "with a URI: write nothing, and find out the less")
	cmd.Flags().Var(&f.size, "size", "with a URI: how much to move to measure the throughput; 0 is nothing")
	return cmd
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
	checks = append(checks, c.ok(p.library.Name()+" in "+dir), p.checkSecrets(ctx))
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
