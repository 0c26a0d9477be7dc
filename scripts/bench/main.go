//go:build linux

// Command bench measures sd beside the bare file system, bindfs, rclone and s3fs, on
// this machine and in one run. It builds sd, mounts it as a user would, and leaves no
// mount, process or file behind, whatever happens on the way.
//
// A full run writes its tables to docs/benchmarks.md; see page.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// options are the command line.
type options struct {
	only   string
	quick  bool
	rounds int
	size   int64 // bytes of the large file
	binary string
	page   string
}

func parseOptions() (options, error) {
	var o options
	mib := flag.Int64("size", 1024, "MiB of the large file")
	flag.StringVar(&o.only, "only", "local,meta,s3", "what to measure")
	flag.BoolVar(&o.quick, "quick", false, "one round of little work: to see that all runs, not for the figures")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; the tables show medians")
	flag.StringVar(&o.binary, "sd", "", "measure this sd (default: build it)")
	flag.StringVar(&o.page, "o", "", "write this page (default: docs/benchmarks.md, in full runs alone)")
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })

	if o.quick && !given["rounds"] {
		o.rounds = 1
	}
	if o.quick && !given["size"] {
		*mib = 256
	}
	o.size = *mib << 20
	if o.page == "" && !o.quick && !given["only"] {
		o.page = "docs/benchmarks.md"
	}
	for _, name := range strings.Split(o.only, ",") {
		if !slices.ContainsFunc(sections, func(s section) bool { return s.name == name }) {
			return o, fmt.Errorf("-only takes local, meta and s3, not %q", name)
		}
	}
	switch {
	case flag.NArg() > 0:
		return o, fmt.Errorf("unexpected %q", flag.Arg(0))
	case o.rounds < 1:
		return o, fmt.Errorf("-rounds must be at least 1")
	case *mib < 16:
		return o, fmt.Errorf("-size must be at least 16")
	}
	return o, nil
}

// A section is a group of measurements that share their preparation.
type section struct {
	name string
	run  func(*bench, context.Context) ([]*grid, error)
}

var sections = []section{
	{"local", (*bench).local},
	{"meta", (*bench).meta},
	{"s3", (*bench).s3},
}

// bench is one run.
type bench struct {
	options
	work *workspace
	sd   *program
}

func main() {
	o, err := parseOptions()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures and prints, and writes the page if all went well.
func run(ctx context.Context, o options) (err error) {
	w, err := newWorkspace()
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := w.close(); err == nil {
			err = closeErr
		}
	}()
	b := &bench{options: o, work: w}
	if b.sd, err = newProgram(ctx, w, o.binary); err != nil {
		return err
	}
	m := thisMachine(w.dir)
	fmt.Println(m)
	var grids []*grid
	for _, s := range sections {
		if !slices.Contains(strings.Split(o.only, ","), s.name) {
			continue
		}
		got, err := s.run(b, ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		for _, g := range got {
			fmt.Printf("\n%s\n", g)
		}
		grids = append(grids, got...)
	}
	if o.page == "" {
		return nil
	}
	fmt.Println("written to", o.page)
	return writePage(o.page, m, o, grids)
}

// progress tells on stderr what is going on.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}
