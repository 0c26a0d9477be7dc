package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// progressEvery is how often progress is a new line where it cannot be one that changes.
const progressEvery = 10 * time.Second

// progressLine shows how far long work is: on a terminal one line that changes, else a line
// now and then, the first at once if last is zero. Its methods are safe for concurrent use.
type progressLine struct {
	w        io.Writer
	terminal bool
	width    int // columns of the terminal

	mu    sync.Mutex
	shown int // columns of the line that changes
	last  time.Time
}

func (a *app) newProgressLine() *progressLine {
	l := &progressLine{w: a.errOut, width: 80}
	if f, ok := a.errOut.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		l.terminal = true
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			l.width = width
		}
	}
	return l
}

// set shows text, cut to the terminal's width.
func (l *progressLine) set(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.terminal {
		if now := time.Now(); now.Sub(l.last) >= progressEvery {
			l.last = now
			fmt.Fprintln(l.w, text)
		}
		return
	}
	if runes := []rune(text); len(runes) >= l.width {
		text = string(runes[:l.width-1])
	}
	columns := len([]rune(text))
	fmt.Fprint(l.w, "\r"+text+strings.Repeat(" ", max(0, l.shown-columns)))
	l.shown = columns
}

// say prints a line that stays.
func (l *progressLine) say(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wipe()
	fmt.Fprintln(l.w, text)
}

// clear leaves the cursor at the start of an empty line.
func (l *progressLine) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wipe()
}

func (l *progressLine) wipe() {
	if l.shown > 0 {
		fmt.Fprint(l.w, "\r"+strings.Repeat(" ", l.shown)+"\r")
		l.shown = 0
	}
}

// progress shows what an unmount waits for. It says nothing if there is nothing to wait for.
type progress struct {
	*progressLine
	told map[string]bool // URIs whose failure was said
}

func (a *app) newProgress() *progress {
	return &progress{progressLine: a.newProgressLine(), told: map[string]bool{}}
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
		p.say(fmt.Sprintf("%s: %s; trying again", printable(f.URI), printable(f.Reason)))
	}
	p.set("waiting for uploads: " + u.summary(time.Now()))
}

// end leaves the cursor at the start of a line.
func (p *progress) end() { p.clear() }
