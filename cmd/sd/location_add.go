package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sd/backends"
	"sd/index"
	"sd/library"
)

type locationAddOptions struct {
	name, mode string
	rules      library.Rules
	indexOptions
}

func (a *app) locationAddCommand() *cobra.Command {
	var opts locationAddOptions
	cmd := &cobra.Command{
		Use:   "add PATH",
		Short: "index a folder with all below it",
		Long: `Indexes a folder, of this machine or of a volume, with all below it. How much is learned:

  shallow  names, sizes and times
  content  what the files hold as well, so far as that needs no download (the default)
  deep     what each file holds, also where an object has to be downloaded for it; the
           amount is shown first

Ctrl-C pauses the work, which 'sd job resume' takes up again.

` + index.RulesText,
		Example: `  sd location add ~/Pictures
  sd location add s3://photos --mode deep
  sd location add /data --name data --hidden --skip '*.iso' --skip /scratch`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.addLocation(ctx, p, args[0], opts)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.name, "name", "", "what to call it (default: as the folder)")
	flags.StringVar(&opts.mode, "mode", string(library.Content), "shallow, content or deep")
	flags.BoolVar(&opts.rules.All, "all", false, "leave nothing out")
	flags.BoolVar(&opts.rules.Hidden, "hidden", false, "with hidden files")
	flags.BoolVar(&opts.rules.Dev, "dev", false, "with what development tools fill")
	flags.BoolVar(&opts.rules.System, "system", false, "with system files")
	flags.BoolVar(&opts.rules.NoGitIgnore, "no-gitignore", false, "with what a .gitignore leaves out")
	flags.StringArrayVar(&opts.rules.Skip, "skip", nil, "leave out what fits a pattern, written as in a .gitignore; may be repeated")
	flags.BoolVar(&opts.detach, "detach", false, "let the mount of this library do the work")
	flags.BoolVarP(&opts.yes, "yes", "y", false, "download for --mode deep without asking")
	return cmd
}

func (a *app) addLocation(ctx context.Context, p *places, arg string, opts locationAddOptions) error {
	mode, err := library.ParseMode(opts.mode)
	if err != nil {
		return usagef("%v", err)
	}
	if opts.detach {
		if err := p.needMount(ctx); err != nil {
			return err
		}
	}
	opts.added = true
	loc := library.Location{Name: opts.name, Mode: mode, Rules: opts.rules}
	if err := p.locate(ctx, arg, &loc); err != nil {
		return err
	}
	if err := opts.mayAsk(loc); err != nil {
		return err
	}
	if loc, err = p.keepLocation(ctx, loc); err != nil {
		return err
	}
	return a.indexNow(ctx, p, loc, opts.indexOptions)
}

// needMount refuses to leave work to a mount where there is none.
func (p *places) needMount(ctx context.Context) error {
	if p.worker(ctx) == nil {
		return errors.New("no mount of this library is there to do the work: begin one with 'sd mount', or leave out --detach")
	}
	return nil
}

// worker is a live mount of this library that runs jobs, or nil.
func (p *places) worker(ctx context.Context) *mountInfo {
	for _, m := range p.mounts(ctx) {
		if !m.NoIndex {
			return m
		}
	}
	return nil
}

// locate sets where loc is, and makes sure that it is a folder that is there.
func (p *places) locate(ctx context.Context, arg string, loc *library.Location) error {
	t, err := p.target(ctx, arg)
	if err != nil {
		return err
	}
	if t.local != "" {
		info, err := os.Stat(t.local)
		if err != nil {
			return t.explain(err)
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is a file: a location is a folder", t)
		}
	} else if err := t.isFolder(ctx); err != nil {
		return t.explain(err)
	}
	if loc.Place, loc.Path, err = p.placedTarget(t); err != nil || t.local == "" {
		return err
	}
	locals, err := p.resolver.Locals()
	if err != nil {
		return err
	}
	if _, pseudo := locals.At("/" + loc.Path); pseudo {
		return fmt.Errorf("%s holds no files of yours but what the system, or a mount of sd, shows there: choose another folder", t)
	}
	return nil
}

// isFolder returns nil if t, of a volume, is a folder; one that holds nothing may be missing.
// The root is not asked for: the first request of the scan tells.
func (t target) isFolder(ctx context.Context) error {
	if t.name == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	e, err := t.stat(ctx)
	if err == nil && e.Kind != backends.Dir && !t.folder {
		t.folder = true // there may be a folder of that name as well
		if e, err = t.stat(ctx); errors.Is(err, fs.ErrNotExist) {
			return errors.New("it is a file: a location is a folder")
		}
	}
	return err
}

// keepLocation adds the location to the library. Where the user has given no name it is made
// from the folder's, with a number if others have that.
func (p *places) keepLocation(ctx context.Context, loc library.Location) (library.Location, error) {
	chosen := loc.Name != ""
	if !chosen {
		loc.Name = p.defaultName(loc.Place, loc.Path)
	}
	base := loc.Name
	for n := 2; ; n++ {
		kept, err := p.library.AddLocation(ctx, loc)
		conflict := new(library.LocationConflictError)
		if err == nil || chosen || !errors.As(err, &conflict) || conflict.Field != "name" {
			return kept, err
		}
		loc.Name = fmt.Sprintf("%s-%d", base, n)
	}
}

// askDownload shows how much would be downloaded and asks on the terminal. Without one the
// answer is no, and it says how to agree.
func (a *app) askDownload(name string, objects, bytes int64) (bool, error) {
	text := fmt.Sprintf("to know what is in %s, %s have to be downloaded", counted(objects, "object"), size(bytes))
	f, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(a.errOut, "%s: 'sd location rescan %s --yes' does that\n", text, shellWord(name))
		return false, nil
	}
	fmt.Fprintf(a.errOut, "%s: go on? [y/N] ", text)
	line, err := bufio.NewReader(io.LimitReader(a.in, 1<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return line == "y\n" || line == "Y\n" || line == "yes\n", nil
}

func commas(n int64) string { return humanize.Comma(n) }
