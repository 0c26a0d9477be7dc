package main

import (
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"sd/actions"
	"sd/actions/plan"
	"sd/actions/steps"
	"sd/jobs"
	"sd/library"
)

// showAfter is how long work lasts before it shows how far it is.
const showAfter = 300 * time.Millisecond

// rateSpan is over how long the shown rate is taken.
const rateSpan = 10 * time.Second

// actionProgress shows how far an action is.
type actionProgress struct {
	*progressLine
	action steps.Action
	began  time.Time

	mu      sync.Mutex
	samples []sample // of the last rateSpan
	waiting string   // what was said last that it waits for
}

// sample is how much was done when.
type sample struct {
	at    time.Time
	files int64
	bytes int64
}

func (a *app) newActionProgress(action steps.Action) *actionProgress {
	b := &actionProgress{progressLine: a.newProgressLine(), action: action, began: time.Now()}
	b.last = time.Now() // where lines stay, short work prints none
	return b
}

// showPlanning shows how much was looked at.
func (b *actionProgress) showPlanning(p plan.Progress) {
	b.tell("planning: " + humanize.Comma(p.Files) + " files, " + size(p.Bytes))
}

// show shows p. A store that is waited for is told by a line that stays, where lines do.
func (b *actionProgress) show(p actions.Progress) { b.showState(p, false) }

func (b *actionProgress) showState(p actions.Progress, paused bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.Waiting != b.waiting {
		b.waiting = p.Waiting
		if p.Waiting != "" && !b.terminal {
			b.say("waiting: " + printable(p.Waiting))
		}
	}
	b.take(&p)
	b.tell(b.text(&p, paused))
}

// tell shows text, but nothing of what is done in a moment.
func (b *actionProgress) tell(text string) {
	if time.Since(b.began) >= showAfter {
		b.set(text)
	}
}

// showJob shows a job of another process.
func (b *actionProgress) showJob(j jobs.Job) {
	var p actions.Progress
	if !j.Decode(&p) {
		b.tell(printable(j.Title) + ": " + string(j.State))
		return
	}
	b.showState(p, j.State == library.Paused)
}

// take keeps what the rate is told from.
func (b *actionProgress) take(p *actions.Progress) {
	now := p.Now
	if n := len(b.samples); n > 0 && !now.After(b.samples[n-1].at) {
		return
	}
	for len(b.samples) > 1 && now.Sub(b.samples[1].at) >= rateSpan {
		b.samples = b.samples[1:]
	}
	b.samples = append(b.samples, sample{now, p.Files, p.Bytes})
}

// rate is how many files and bytes a second were done lately.
func (b *actionProgress) rate() (files, bytes float64) {
	if len(b.samples) < 2 {
		return 0, 0
	}
	first, last := b.samples[0], b.samples[len(b.samples)-1]
	took := last.at.Sub(first.at).Seconds()
	return float64(last.files-first.files) / took, float64(last.bytes-first.bytes) / took
}

// text is the line: what is done, how far that is and how long it still takes come first, for
// a narrow terminal cuts the end.
func (b *actionProgress) text(p *actions.Progress, paused bool) string {
	state := p.Phase
	switch {
	case paused:
		state = "paused"
	case p.Waiting != "":
		state = "waiting: " + printable(p.Waiting)
	case state == "running" || state == "":
		state = doing(b.action)
	}
	var words []string
	files, bytes := b.rate()
	if !paused && p.Waiting == "" {
		if bytes >= 1 {
			words = append(words, size(int64(bytes))+"/s")
		}
		if left, ok := actionLeft(p, files, bytes); ok {
			words = append(words, roughly(left)+" left")
		}
	}
	words = append(words, ofTotal(humanize.Comma(p.Files), p.TotalFiles, commas)+" files")
	if p.TotalBytes > 0 {
		words = append(words, ofTotal(size(p.Bytes), p.TotalBytes, size))
	}
	if p.Failed > 0 {
		words = append(words, humanize.Comma(p.Failed)+" failed")
	}
	rest := strings.Join(words, ", ")
	share, ok := actionShare(p)
	if !ok {
		return state + ", " + rest
	}
	if b.terminal {
		wide := barWidth
		if b.width < wideTerminal {
			wide = narrowBar
		}
		state += " " + barOf(share, wide)
	}
	return state + " " + percent(share) + ", " + rest
}

const (
	wideTerminal = 110 // columns
	narrowBar    = 10  // columns of the bar in a narrower one
)

func percent(share float64) string { return humanize.Comma(int64(share*100)) + " %" }

// actionShare is how much is done, 0 to 1: of the bytes and the files together, for both take
// their time. False: it cannot be told.
func actionShare(p *actions.Progress) (float64, bool) {
	const perFile = 64 << 10 // a file takes as long as that many of its bytes
	total := float64(p.TotalBytes) + perFile*float64(p.TotalFiles)
	if total <= 0 {
		return 0, false
	}
	return min(1, (float64(p.Bytes)+perFile*float64(p.Files))/total), true
}

// actionLeft is how long the rest takes at these rates, which are of the same moment. False: nobody
// knows.
func actionLeft(p *actions.Progress, files, bytes float64) (time.Duration, bool) {
	const perFile = 64 << 10
	done := bytes + perFile*files
	rest := float64(p.TotalBytes-p.Bytes) + perFile*float64(p.TotalFiles-p.Files)
	if done <= 0 || rest <= 0 {
		return 0, false
	}
	return time.Duration(rest / done * float64(time.Second)), true
}
