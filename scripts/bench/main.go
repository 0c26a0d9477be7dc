//go:build linux

// Command bench measures sd beside the bare file system, bindfs, rclone, s3fs, b3sum and plocate, on
// this machine and in one run. It builds sd, mounts it as a user would, and leaves no
// mount, process or file behind, whatever happens on the way.
//
// A run of whole sections writes their tables to docs/benchmarks.md; see page.
package main

import (
	"context"
	"errors"
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
	only   []string // sections, or section/workload
	who    []string // contenders at S3, nil for all
	quick  bool
	rounds int
	size   int64 // bytes of the large file
	binary string
	page   string
}

func parseOptions() (options, error) {
	var o options
	mib := flag.Int64("size", 1024, "MiB of the large file")
	only := flag.String("only", "local,meta,s3", "what to measure: these, index, actions or services; of some a part too: s3/"+strings.Join(workloads, ", s3/")+
		", index/"+strings.Join(indexParts, ", index/")+", actions/"+strings.Join(actionParts, ", actions/"))
	who := flag.String("who", "", "measure only these at S3: "+strings.Join(peers, ",")+",sd (default: all; in quick runs the tuned ones)")
	flag.BoolVar(&o.quick, "quick", false, "one round of little work: to see that all runs, not for the figures")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; the tables show medians")
	flag.StringVar(&o.binary, "sd", "", "measure this sd (default: build it)")
	flag.StringVar(&o.page, "o", "", "write this page (default: "+defaultPage+", in runs of whole sections alone)")
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })

	if o.quick && !given["rounds"] {
		o.rounds = 1
	}
	if o.quick && !given["size"] {
		*mib = 256
	}
	o.size, o.only = *mib<<20, strings.Split(*only, ",")
	if o.quick && *who == "" {
		*who = "rclone tuned,s3fs tuned,sd"
	}
	if *who != "" {
		o.who = strings.Split(*who, ",")
	}
	if o.page == "" && !o.quick && *who == "" && !strings.Contains(*only, "/") {
		o.page = defaultPage
	}
	switch {
	case flag.NArg() > 0:
		return o, fmt.Errorf("unexpected %q", flag.Arg(0))
	case o.rounds < 1:
		return o, fmt.Errorf("-rounds must be at least 1")
	case *mib < 16:
		return o, fmt.Errorf("-size must be at least 16")
	}
	return o, o.check()
}

// check looks for names that nobody has.
func (o options) check() error {
	for _, name := range o.only {
		head, part, whole := strings.Cut(name, "/")
		known := slices.ContainsFunc(sections, func(s section) bool { return s.name == head })
		if !known || whole && !(head == "s3" && slices.Contains(workloads, part) || head == "index" && slices.Contains(indexParts, part) || head == "actions" && slices.Contains(actionParts, part)) {
			return fmt.Errorf("-only takes local, meta, index, index/%s, s3, s3/%s, actions, actions/%s and services, not %q",
				strings.Join(indexParts, ", index/"), strings.Join(workloads, ", s3/"), strings.Join(actionParts, ", actions/"), name)
		}
	}
	for _, name := range o.who {
		if name != "sd" && !slices.Contains(peers, name) {
			return fmt.Errorf("-who takes %s and sd, not %q", strings.Join(peers, ", "), name)
		}
	}
	return nil
}

// wants tells whether a part of a section is to be measured.
func (o options) wants(name, part string) bool {
	return slices.Contains(o.only, name) || slices.Contains(o.only, name+"/"+part)
}

// wantsAny tells whether any part of a section is.
func (o options) wantsAny(name string) bool {
	return slices.ContainsFunc(o.only, func(s string) bool { return s == name || strings.HasPrefix(s, name+"/") })
}

// invited tells whether a contender is to be measured at S3.
func (o options) invited(name string) bool {
	switch name {
	case noMount:
		return true
	case sdWriteBack:
		name = "sd"
	}
	return o.who == nil || slices.Contains(o.who, name)
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
	{"index", (*bench).index},
	{"actions", (*bench).actions},
	{"services", (*bench).services},
}

// bench is one run.
type bench struct {
	options
	work *workspace
	sd   *program

	failures []error // of sd, where the run went on
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
	parts := map[string][]*grid{}
	for _, s := range sections {
		if !o.wantsAny(s.name) {
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
		parts[s.name] = got
	}
	if err := errors.Join(b.failures...); err != nil || o.page == "" {
		return err
	}
	fmt.Println("written to", o.page)
	return writePage(o.page, m, o, parts)
}

// progress tells on stderr what is going on.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}
