package library

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// playFacts puts one fact after the other, and moves them all back and forth. It prints how
// many it has put, after some of the flushes.
func playFacts(ctx context.Context, data string) error {
	l, err := Open(ctx, data, "")
	if err != nil {
		return err
	}
	dir, other := "a", "ab"
	for i := 0; ; i++ {
		l.PutFact("v", dir, fmt.Sprintf("%06d", i), "1", []byte(strconv.Itoa(i)))
		switch rand.IntN(20) {
		case 0:
			l.MoveFacts("v", dir, other)
			dir, other = other, dir
		case 1:
			if err := l.FlushFacts(ctx); err != nil {
				return err
			}
			fmt.Println(i + 1)
		}
	}
}

// A process that is killed loses nothing that was written, and what it has left is what
// there was at one moment.
func TestKilledWhileWritingFacts(t *testing.T) {
	data := t.TempDir()
	mustOpen(t, data, "").Close()
	for range 10 {
		child := exec.Command(os.Args[0], "child", "facts", data)
		child.Stderr = os.Stderr
		pipe, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines, flushed := bufio.NewScanner(pipe), 0
		for rounds := 1 + rand.IntN(50); rounds > 0 && lines.Scan(); rounds-- {
			if flushed, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
		}
		_ = child.Process.Kill()
		for lines.Scan() {
			if n, err := strconv.Atoi(lines.Text()); err == nil {
				flushed = n
			}
		}
		_ = child.Wait()

		l := mustOpen(t, data, "")
		if err := l.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := factsOf(t, l, "v", "a", "", "")
		if rest := factsOf(t, l, "v", "ab", "", ""); len(rest) > 0 && len(got) > 0 {
			t.Errorf("facts lie in both folders: %d and %d", len(got), len(rest))
		} else if len(rest) > 0 {
			got = rest
		}
		if len(got) < flushed || flushed == 0 {
			t.Errorf("there are %d facts, want at least %d", len(got), flushed)
		}
		for i, fact := range got {
			if want := fmt.Sprintf("%06d=1:%d", i, i); fact != want {
				t.Fatalf("fact %d is %q, want %q", i, fact, want)
			}
		}
		l.DropFacts("v", "")
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
