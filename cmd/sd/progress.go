package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// progressEvery is how often progress is a new line where it cannot be one that changes.
const progressEvery = 10 * time.Second

// progress shows what an unmount waits for: on a terminal one line that changes, else a
// line now and then. It says nothing if there is nothing to wait for.
type progress struct {
	w        io.Writer
	terminal bool
	shown    int // columns of the line that changes
	last     time.Time
	told     map[string]bool // URIs whose failure was said
}

func (a *app) newProgress() *progress {
	p := &progress{w: a.errOut, told: map[string]bool{}}
	if f, ok := a.errOut.(*os.File); ok {
		p.terminal = term.IsTerminal(int(f.Fd()))
	}
	return p
}

// show takes one answer of a mount that waits.
func (p *progress) show(reply answer) {
	u := reply.Waiting
	if u == nil || u.Pending == 0 {
		return
	}
	for _, f := range u.Files {
		if f.Reason == "" || p.told[f.URI] || len(p.told) > maxListed {
			continue
		}
		p.told[f.URI] = true
		p.clear()
		fmt.Fprintf(p.w, "%s: %s; trying again\n", printable(f.URI), printable(f.Reason))
	}
	text := "waiting for uploads: " + u.summary(time.Now())
	if !p.terminal {
		if now := time.Now(); now.Sub(p.last) >= progressEvery {
			p.last = now
			fmt.Fprintln(p.w, text)
		}
		return
	}
	p.clear()
	fmt.Fprint(p.w, text)
	p.shown = len(text)
}

func (p *progress) clear() {
	if p.shown > 0 {
		fmt.Fprint(p.w, "\r"+strings.Repeat(" ", p.shown)+"\r")
		p.shown = 0
	}
}

// end leaves the cursor at the start of a line.
func (p *progress) end() { p.clear() }
