package fs_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sd/internal/mounttest"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// For 200 rounds in each mode:
//
//	go test ./fs -run TestKilled -timeout 1h -args -crash.rounds 200
var crashRounds = flag.Int("crash.rounds", 10, "how often the mount process is killed in each mode")

// killLater kills the mount at its nth request from now, or after a while if that
// does not come.
func (c *cloud) killLater(nth int, after time.Duration, killed *atomic.Bool) {
	reached := make(chan struct{})
	seen := 0
	c.ScriptFunc(func(netproxy.Request) netproxy.Fault {
		if seen++; seen == nth {
			close(reached)
		}
		return netproxy.Fault{}
	})
	select {
	case <-reached:
	case <-time.After(after):
	}
	killed.Store(true)
	c.m.Kill()
	c.Script()
}

func killedWriters(t *testing.T, o mounttest.Options) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	c := newCloud(t, o, testserver.Versitygw)
	var killed atomic.Bool
	var writers []*crashWriter
	for i := range 3 {
		w := &crashWriter{t: t, r: rand.New(rand.NewPCG(seed, uint64(i))), root: c.at(fmt.Sprint("w", i)), killed: &killed, now: map[string]string{}}
		must(t, os.Mkdir(w.root, 0o755))
		writers = append(writers, w)
	}
	for round := range *crashRounds {
		killed.Store(false)
		var running sync.WaitGroup
		for _, w := range writers {
			running.Go(w.run)
		}
		c.killLater(1+r.IntN(250), time.Duration(20+r.IntN(700))*time.Millisecond, &killed)
		running.Wait()
		c.remount(t)
		for _, w := range writers {
			if !strings.HasPrefix(w.doing, "rename") { // which the new mount may still be about to end
				w.settle(fmt.Sprintf("round %d, through the new mount", round), w.shown())
			}
		}
		c.drain(t)
		for i, w := range writers {
			w.settle(fmt.Sprintf("round %d, at the server", round), c.below(t, fmt.Sprint("w", i)))
		}
		if t.Failed() {
			return
		}
	}
	total := 0
	for _, w := range writers {
		total += w.acked
	}
	t.Logf("%d kills, %d acknowledged changes, none lost", *crashRounds, total)
	c.kills = *crashRounds
	c.noLitter(t, "")
}

// below reads all objects below a folder from the server itself.
func (c *cloud) below(t *testing.T, dir string) map[string]string {
	t.Helper()
	have := map[string]string{}
	for _, key := range c.keys(t, dir+"/") {
		content, ok := c.stored(t, key)
		if !ok {
			t.Errorf("%s is listed and not there", key)
		}
		have[strings.TrimPrefix(key, dir+"/")] = content
	}
	return have
}

func TestKilledWriters(t *testing.T) {
	killedWriters(t, mounttest.Options{RenameSettle: 100 * time.Millisecond})
}

func TestKilledWritersWriteBack(t *testing.T) {
	killedWriters(t, mounttest.Options{
		WriteBack: true, RetryMin: 10 * time.Millisecond, RetryMax: 200 * time.Millisecond, RenameSettle: 100 * time.Millisecond,
	})
}

// A folder is renamed wholly or not at all, whenever the mount is killed.
func TestKilledRenameOfAFolder(t *testing.T) {
	c := newCloud(t, mounttest.Options{RenameSettle: 100 * time.Millisecond, RetryMin: 10 * time.Millisecond}, testserver.Versitygw)
	want := map[string]string{}
	for i := range 40 {
		name := fmt.Sprintf("%02d", i)
		if i%4 == 0 {
			name = "sub/deep/" + name
		}
		want[name] = strings.Repeat(name+"\n", 1+i*20)
		c.overwrite(t, "from/"+name, want[name])
	}
	from, to := "from", "to"
	done := 0
	for round := range *crashRounds {
		var killed atomic.Bool
		result := make(chan error, 1)
		go func() { result <- os.Rename(c.at(from), c.at(to)) }()
		c.killLater(1+rand.IntN(150), time.Second, &killed)
		err := <-result
		c.remount(t)
		c.drain(t)
		a, b := c.below(t, from), c.below(t, to)
		switch {
		case len(a) == 0 && maps.Equal(b, want):
			done++
			from, to = to, from
		case err == nil:
			t.Errorf("round %d: the rename was acknowledged, and %d of %d objects have the new name, %d the old", round, len(b), len(want), len(a))
		case len(b) == 0 && maps.Equal(a, want):
		default:
			t.Errorf("round %d: %d objects have the old name and %d the new, want all %d at one side: %v", round, len(a), len(b), len(want), err)
		}
		if got := len(names(t, c.at(from))); got == 0 || t.Failed() {
			t.Fatalf("round %d: the mount shows %d names", round, got)
		}
	}
	t.Logf("%d kills, %d renames done", *crashRounds, done)
}
