package watch

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"sd/index"
)

// at is a time so many milliseconds after some moment.
func at(ms int) time.Time { return time.Unix(1_000_000, 0).Add(time.Duration(ms) * time.Millisecond) }

// TestDirtyIsDue tells when a folder is looked at after events.
func TestDirtyIsDue(t *testing.T) {
	every := func(step, until int, e event) (list []noted) {
		for ms := 0; ms <= until; ms += step {
			list = append(list, noted{ms, e})
		}
		return list
	}
	for _, tt := range []struct {
		name   string
		events []noted
		want   int // milliseconds after the first event
	}{
		{"one new file", []noted{{0, changedEntry}}, 300},
		{"two in a row", []noted{{0, changedEntry}, {200, changedEntry}}, 500},
		{"a stream of new files", every(50, 5000, changedEntry), 1000},
		{"one write", []noted{{0, wroteBytes}}, 300},
		{"a long write", every(50, 60_000, wroteBytes), 10_000},
		{"a new file that is written to", append([]noted{{0, changedEntry}}, every(50, 5000, wroteBytes)...), 1000},
		{"a new file beside a long write", slices.Concat(every(50, 3000, wroteBytes), []noted{{3010, changedEntry}}, every(50, 9000, wroteBytes)[61:]), 4010},
	} {
		var d dirty
		due := -1
		for i, e := range tt.events {
			d.add("a", e.event, at(e.ms))
			next := 1 << 30
			if i+1 < len(tt.events) {
				next = tt.events[i+1].ms
			}
			when, ok := d.next()
			if !ok {
				t.Fatalf("%s: nothing is dirty", tt.name)
			}
			if when.Before(at(next)) {
				due = int(when.Sub(at(0)).Milliseconds())
				break
			}
		}
		if due != tt.want {
			t.Errorf("%s: looked at after %d ms, want %d", tt.name, due, tt.want)
		}
	}
}

type noted struct {
	ms int
	event
}

func TestDirtyTakesWhatIsDue(t *testing.T) {
	var d dirty
	d.add("b", changedEntry, at(0))
	d.add("a", changedEntry, at(0))
	d.add("late", changedEntry, at(250))
	if looks, all := d.take(at(299)); len(looks) > 0 || all {
		t.Errorf("too early: got %v, %v", looks, all)
	}
	want(t, &d, at(300), "a", "b")
	want(t, &d, at(300))
	want(t, &d, at(600), "late")
	if _, ok := d.next(); ok {
		t.Error("something is dirty after all was taken")
	}
}

// TestDirtyTree looks at a folder with all below it, and at nothing below it apart.
func TestDirtyTree(t *testing.T) {
	var d dirty
	for _, dir := range []string{"a", "a/b/c", "ab", "x"} {
		d.add(dir, changedEntry, at(0))
	}
	d.add("a", changedTree, at(10))
	want(t, &d, at(1000), "a/...", "ab", "x")

	d.add("", changedTree, at(2000))
	d.add("a/b", changedEntry, at(2000))
	want(t, &d, at(3000), "/...")
}

func want(t *testing.T, d *dirty, now time.Time, want ...string) {
	t.Helper()
	looks, all := d.take(now)
	if all {
		t.Error("everything is dirty")
	}
	slices.SortFunc(looks, func(a, b index.Dirty) int { return cmp.Compare(a.Dir, b.Dir) })
	var got []string
	for _, l := range looks {
		name := l.Dir
		if l.Recursive {
			name += "/..."
		}
		got = append(got, name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDirtyRests does not look at a large folder again and again.
func TestDirtyRests(t *testing.T) {
	var d dirty
	d.add("large", changedEntry, at(0))
	want(t, &d, at(300), "large")
	d.took([]index.Dirty{{Dir: "large"}}, at(500), 200*time.Millisecond)
	d.add("large", changedEntry, at(600))
	want(t, &d, at(2499))
	want(t, &d, at(2500), "large")
	d.took([]index.Dirty{{Dir: "large"}}, at(2600), shortLook-1)
	d.add("large", changedEntry, at(2600))
	want(t, &d, at(2900), "large")
}

// TestDirtyEverywhere gives up to tell folders apart when there are very many.
func TestDirtyEverywhere(t *testing.T) {
	var d dirty
	for i := range maxDirty + 1 {
		d.add(fmt.Sprint(i), changedEntry, at(0))
	}
	if when, ok := d.next(); !ok || when.After(at(0)) {
		t.Errorf("got %v, %v: want to look at once", when, ok)
	}
	if looks, all := d.take(at(0)); !all || len(looks) > 0 {
		t.Errorf("got %d looks, all %v; want all", len(looks), all)
	}
	if _, ok := d.next(); ok {
		t.Error("something is dirty after all was taken")
	}
}
