package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"sd/index"
	"sd/jobs"
	"sd/library"
)

// barWidth is how many columns the bar has.
const barWidth = 24

// indexProgress shows how far the indexing of a location is.
type indexProgress struct {
	*progressLine
	name string // the location's
}

func (a *app) newIndexProgress(name string) *indexProgress {
	b := &indexProgress{progressLine: a.newProgressLine(), name: name}
	b.last = time.Now() // where lines stay, short work prints none
	return b
}

// show shows p; paused says that the work stands still.
func (b *indexProgress) show(p index.Progress, paused bool) {
	b.set(b.text(p, paused))
}

// showJob shows a job of another process.
func (b *indexProgress) showJob(j jobs.Job) {
	var p index.Progress
	switch known := j.Decode(&p); {
	case known:
		b.show(p, j.State == library.Paused)
	default:
		b.set(fmt.Sprintf("%s: %s", b.name, j.State))
	}
}

func (b *indexProgress) text(p index.Progress, paused bool) string {
	words := []string{printable(b.name) + ": " + phaseName(p.Phase)}
	if paused {
		words[0] = printable(b.name) + ": paused"
	}
	if share, ok := progressShare(p); ok {
		if b.terminal {
			words[0] += " " + bar(share)
		}
		words[0] += fmt.Sprintf(" %3d %%", int(share*100))
	}
	words = append(words, humanize.Comma(p.Files)+" files", size(p.Bytes))
	if rate := p.Rate(); rate > 0 && !paused {
		words = append(words, perSecond(p, rate))
	}
	if left, ok := p.Left(); ok && !paused {
		words = append(words, roughly(left)+" left")
	}
	if p.Problems > 0 {
		words = append(words, counted(p.Problems, "problem"))
	}
	return strings.Join(words, ", ")
}

// phaseName is what a phase of indexing does, for people.
func phaseName(phase string) string {
	switch phase {
	case "scan":
		return "scanning"
	case "identify":
		return "identifying"
	case "":
		return "beginning"
	}
	return phase
}

// perSecond is the rate in files, and in bytes where files are read.
func perSecond(p index.Progress, rate float64) string {
	text := humanize.Comma(int64(rate)) + " files/s"
	if took := p.Now.Sub(p.Began).Seconds(); p.Phase != "scan" && took > 0 && p.Bytes > 0 {
		text += ", " + size(int64(float64(p.Bytes)/took)) + "/s"
	}
	return text
}

// progressShare is how much of the work is done, 0 to 1. False: it cannot be told.
func progressShare(p index.Progress) (float64, bool) {
	done, total := p.Files, p.TotalFiles
	if p.Phase != "scan" && p.TotalBytes > 0 {
		done, total = p.Bytes, p.TotalBytes
	}
	if total <= 0 {
		return 0, false
	}
	return min(1, float64(done)/float64(total)), true
}

// bar draws a share of the whole.
func bar(share float64) string { return barOf(share, barWidth) }

// barOf draws it in so many columns between its brackets.
func barOf(share float64, width int) string {
	full := int(share*float64(width) + 0.5)
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]"
}

// roughly is a time for people: 8s, 3m10s, 2h05m.
func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()+0.5))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// counted is a number of things: "1 problem", "1,234 files".
func counted(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return humanize.Comma(n) + " " + thing
}
