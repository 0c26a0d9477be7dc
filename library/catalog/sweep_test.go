package catalog_test

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"testing"
	"time"

	"sd/identity"
	"sd/library/catalog"
)

// A content without copies is known for a month, and for no longer; one that has got a copy again stays.
func TestSweep(t *testing.T) {
	_, c := open(t)
	c.SmallPages()
	for i := range 20 {
		tell(t, c, "d", fmt.Sprint(i), uint64(i+1), identity.Sum{byte(i + 1)})
	}
	dir := dirOf(t, c, "d")
	day := func(n int) time.Time { return time.Now().Add(time.Duration(n) * 24 * time.Hour) }
	sweep := func(at time.Time, want int64) {
		t.Helper()
		if n, err := c.SweepAt(t.Context(), at); err != nil || n != want {
			t.Errorf("Sweep = %d, %v; want %d", n, err, want)
		}
	}
	known := func(i int, want bool) {
		t.Helper()
		_, err := c.Content(t.Context(), identity.Sum{byte(i + 1)}.ContentID())
		if err != nil && !errors.Is(err, iofs.ErrNotExist) || (err == nil) != want {
			t.Errorf("content %d: %v, want known: %v", i, err, want)
		}
	}
	drop := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			update(t, c, func(tx *catalog.Tx) error { return tx.DropFile(dir, fmt.Sprint(i)) })
		}
	}
	drop(0, 10)
	sweep(day(1), 0)
	drop(10, 12)
	sweep(day(1), 0) // once a day
	tell(t, c, "d", "again", 99, identity.Sum{6})
	sweep(day(20), 0)
	known(0, true)
	sweep(day(31), 9)
	known(0, false)
	known(5, true)
	known(10, true) // it is known to be lost since day 20
	sweep(day(51), 2)
	known(10, false)
	for i := 12; i < 20; i++ {
		known(i, true)
	}
	// Files may come with an identity that waited, also while contents are forgotten.
	drop(12, 13)
	sweep(day(52), 0)
	if copies, err := c.Copies(t.Context(), catalog.KeyOf(identity.Sum{6}.ContentID())); err != nil || len(copies) != 1 {
		t.Errorf("copies of what came again: %v, %v", copies, err)
	}
}
