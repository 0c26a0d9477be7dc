// Command sd shows all of a user's files as one folder and manages what is in it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker; see the Makefile.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends us whatever we do
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	os.Exit(status)
}

// run executes one command line and returns its exit status: 0 done, 1 failed,
// 2 wrong usage.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	a := &app{in: in, out: out, errOut: errOut}
	root := a.rootCommand()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	var quiet *quietError
	if errors.As(err, &quiet) {
		return 1
	}
	fmt.Fprintf(errOut, "sd: %v\n", err)
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(errOut, "See '%s --help'.\n", cmd.CommandPath())
		return 2
	}
	return 1
}

// usageError says that the command line itself is wrong.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// quietError is a failure whose every word is printed already.
type quietError struct{}

func (*quietError) Error() string { return "failed" }
