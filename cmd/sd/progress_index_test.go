package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"sd/index"
)

func TestIndexProgress(t *testing.T) {
	began := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	after := func(d time.Duration) time.Time { return began.Add(d) }
	for _, tt := range []struct {
		p        index.Progress
		paused   bool
		terminal bool
		want     string
	}{
		{p: index.Progress{TotalFiles: -1, TotalBytes: -1}, want: "docs: beginning, 0 files, 0 B"},
		{
			p:    index.Progress{Phase: "scan", Files: 1500, Bytes: 2048, TotalFiles: -1, TotalBytes: -1, Began: began, Now: after(time.Second)},
			want: "docs: scanning, 1,500 files, 2.0 KiB, 1,500 files/s",
		},
		{
			p:    index.Progress{Phase: "scan", Files: 1500, Bytes: 2048, TotalFiles: 3000, TotalBytes: 4096, Problems: 1, Began: began, Now: after(time.Second)},
			want: "docs: scanning  50 %, 1,500 files, 2.0 KiB, 1,500 files/s, 1s left, 1 problem",
		},
		{
			p:    index.Progress{Phase: "scan", Files: 1500, TotalFiles: 3000, TotalBytes: -1, Began: began, Now: after(time.Second)},
			want: "docs: scanning [############------------]  50 %, 1,500 files, 0 B, 1,500 files/s, 1s left", terminal: true,
		},
		{
			p:    index.Progress{Phase: "identify", Files: 10, Bytes: 1 << 20, TotalFiles: 1000, TotalBytes: 4 << 20, Began: began, Now: after(100 * time.Second)},
			want: "docs: identifying  25 %, 10 files, 1.0 MiB, 0 files/s, 10 KiB/s, 5m00s left",
		},
		{
			p:    index.Progress{Phase: "scan", Files: 4000, TotalFiles: 3000, TotalBytes: -1, Began: began, Now: after(2 * time.Hour)},
			want: "docs: paused 100 %, 4,000 files, 0 B", paused: true,
		},
	} {
		b := &indexProgress{progressLine: &progressLine{terminal: tt.terminal}, name: "docs"}
		if got := b.text(tt.p, tt.paused); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}

// On a terminal one line changes and no rest of a longer one stays; elsewhere lines are few.
func TestProgressLine(t *testing.T) {
	var out bytes.Buffer
	l := &progressLine{w: &out, terminal: true, width: 10}
	l.set("a long line of text")
	l.set("short")
	l.say("told")
	l.set("end")
	l.clear()
	if got, want := out.String(), "\ra long li\rshort    \r     \rtold\n\rend\r   \r"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	out.Reset()
	l = &progressLine{w: &out, width: 10}
	for range 5 {
		l.set("a long line of text")
	}
	l.clear()
	if got := strings.Count(out.String(), "a long line of text\n"); got != 1 {
		t.Errorf("got %q, want one line", out.String())
	}
}
