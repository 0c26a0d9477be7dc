package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"sd/actions/steps"
)

// questions are what of a plan nobody should come upon unasked: what cannot be taken back.
func questions(spec *steps.Spec, s *steps.Summary) (list []string) {
	if s.Replaces.Files > 0 {
		list = append(list, counted(s.Replaces.Files, "file")+" would be replaced")
	}
	gone := s.Deletes.Files - s.Trash.Files
	switch spec.Action {
	case steps.Move: // what is removed has arrived
	case steps.Sync:
		if s.Deletes.Files > 0 {
			list = append(list, counted(s.Deletes.Files, "file")+" would be removed")
		}
	default:
		if gone > 0 || spec.Options.Permanent && s.Deletes.Files > 0 {
			list = append(list, counted(max(gone, 1), "file")+" would be removed for good")
		}
	}
	return list
}

// agreed asks the user to agree to a plan where that is needed, and tells whether he does.
// Where nobody can be asked it is an error that says how to agree, but for a preview.
func (a *app) agreed(ctx context.Context, f actionFlags, questions []string) (bool, error) {
	switch {
	case f.dryRun:
		return false, nil
	case f.yes || !f.preview && len(questions) == 0:
		return true, nil
	}
	text := strings.Join(questions, ", ")
	if !a.asksOnTerminal() {
		if f.preview {
			if !a.json {
				fmt.Fprintln(a.errOut, "nothing was done: --yes does it")
			}
			return false, nil
		}
		return false, fmt.Errorf("%s, and nobody is there to agree: nothing was done; --yes agrees, --preview shows all", text)
	}
	if text != "" {
		text += ": "
	}
	fmt.Fprintf(a.errOut, "%sgo on? [y/N] ", text)
	yes, err := a.readAnswer(ctx)
	if err == nil && !yes {
		fmt.Fprintln(a.errOut, "nothing was done")
	}
	return yes, err
}

// asksOnTerminal tells whether a question reaches a person.
func (a *app) asksOnTerminal() bool {
	f, ok := a.in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// readAnswer reads a line and tells whether it says yes; the end of ctx is one who does not.
func (a *app) readAnswer(ctx context.Context) (bool, error) {
	type reply struct {
		line string
		err  error
	}
	replies := make(chan reply, 1)
	go func() { // ends with the process, if nobody answers
		line, err := bufio.NewReader(io.LimitReader(a.in, 1<<10)).ReadString('\n')
		replies <- reply{line, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(a.errOut)
		return false, errNothingDone
	case r := <-replies:
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return false, r.err
		}
		switch strings.ToLower(strings.TrimSpace(r.line)) {
		case "y", "yes":
			return true, nil
		}
		return false, nil
	}
}

// errNothingDone is what Ctrl-C gives before an action has begun.
var errNothingDone = errors.New("interrupted: nothing was done")
