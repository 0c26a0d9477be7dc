//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestPageKeepsWhatWasNotMeasured(t *testing.T) {
	name := filepath.Join(t.TempDir(), "page.md")
	table := func(title string) []*grid {
		g := &grid{title: title, columns: []string{"sd"}}
		g.measure("a, s", "≤ 2", atMost(2)).add("sd", 1)
		return []*grid{g}
	}
	write := func(parts map[string][]*grid) string {
		t.Helper()
		if err := writePage(name, machine{}, options{rounds: 3}, parts); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	page := write(map[string][]*grid{"local": table("old local"), "s3": table("old s3")})
	page = strings.Replace(page, remarksBegin+"\n", remarksBegin+"\nmy remark\n", 1)
	if err := os.WriteFile(name, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	page = write(map[string][]*grid{"s3": table("new s3")})
	for text, want := range map[string]int{"old local": 1, "old s3": 0, "new s3": 1, "my remark": 1, "part meta": 0, "# Benchmarks": 1} {
		if got := strings.Count(page, text); got != want {
			t.Errorf("%q is there %d times, want %d:\n%s", text, got, want, page)
		}
	}
}

func TestVerdicts(t *testing.T) {
	for _, tt := range []struct {
		name string
		fill func(r *row)
		want string
	}{
		{"met", func(r *row) { r.add("sd", 1) }, "yes"},
		{"median misses", func(r *row) { r.add("sd", 1); r.add("sd", 5); r.add("sd", 4) }, "**no**"},
		{"cut short", func(r *row) { r.add("sd", 1); r.mark("sd") }, "**no**"},
		{"failed", func(r *row) { r.text("sd", "failed") }, "**no**"},
		{"only others", func(r *row) { r.add("peer", 1) }, ""},
		{"nobody", func(*row) {}, ""},
	} {
		g := &grid{columns: []string{"peer", "sd"}}
		r := g.measure("a, s", "≤ 2", atMost(2))
		tt.fill(r)
		if got := r.verdict(g.columns); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestCellsOfWorkThatWasCutShort(t *testing.T) {
	g := &grid{columns: []string{"sd"}}
	rate, took := g.measure("a, files/s", "", nil), g.measure("b, s", "", nil)
	for _, r := range []*row{rate, took} {
		r.add("sd", 12)
		r.mark("sd")
	}
	if got := g.cell(rate, "sd") + " " + g.cell(took, "sd"); got != "12* >12" {
		t.Errorf("got %q, want %q", got, "12* >12")
	}
}

func TestWithin(t *testing.T) {
	failed := errors.New("failed")
	for _, tt := range []struct {
		name  string
		limit time.Duration
		work  func(ctx context.Context, done *atomic.Int64) error
		n     int64
		cut   bool
		err   error
	}{
		{"in time", time.Hour, func(_ context.Context, done *atomic.Int64) error { done.Add(3); return nil }, 3, false, nil},
		{"failing", time.Hour, func(context.Context, *atomic.Int64) error { return failed }, 0, false, failed},
		{"too slow", time.Millisecond, func(ctx context.Context, done *atomic.Int64) error {
			done.Add(2)
			<-ctx.Done()
			return ctx.Err()
		}, 2, true, nil},
	} {
		m := &mounted{}
		o, err := within(t.Context(), m, tt.limit, tt.work)
		if o.n != tt.n || o.cut != tt.cut || !errors.Is(err, tt.err) || m.dead {
			t.Errorf("%s: got %+v, %v; want n %d, cut %v, %v", tt.name, o, err, tt.n, tt.cut, tt.err)
		}
	}
}

func TestMeterCountsBothWays(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		c, err := server.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		all, _ := io.ReadAll(c)
		_, _ = c.Write([]byte(strings.Repeat(string(all), 3)))
	}()
	m, err := newMeter(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	c, err := net.Dial("tcp", m.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil || string(got) != "hellohellohello" {
		t.Fatalf("got %q, %v", got, err)
	}
	if up, down := m.up.Load(), m.down.Load(); up != 5 || down != 15 {
		t.Errorf("counted %d up and %d down, want 5 and 15", up, down)
	}
}
