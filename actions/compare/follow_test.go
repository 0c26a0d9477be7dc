package compare_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sd/actions/compare"
	"sd/actions/stores"
)

// TestFollowLooksUpNames compares with what a lookup of each name would tell.
func TestFollowLooksUpNames(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		a, b := &bucket{keys: map[string]bool{}}, &bucket{keys: map[string]bool{}}
		for range r.IntN(30) {
			key := "k/" + randomKey(r)
			if r.IntN(3) > 0 {
				a.add(key)
			}
			if r.IntN(3) > 0 {
				b.add(key)
			}
			if r.IntN(3) == 0 { // a folder of the other's file, or the reverse
				b.add(key + "/inside")
			}
		}
		want := map[string]string{}
		for key := range a.keys {
			other := key + "/"
			if strings.HasSuffix(key, "/") {
				other = strings.TrimSuffix(key, "/")
			}
			switch {
			case key == "k/":
			case b.keys[key]:
				want[key[2:]] = "same"
			case b.keys[other] && !(a.keys[other] && b.keys[other]):
				want[key[2:]] = "clash"
			default:
				want[key[2:]] = "absent"
			}
		}
		got := map[string]string{}
		err := compare.Follow(context.Background(), compare.Side{Store: a, Dir: "k"}, compare.Side{Store: b, Dir: "k"}, func(rel string, x, y *stores.Entry) error {
			name := rel
			if x.Kind == stores.Dir {
				name += "/"
			}
			switch {
			case y == nil:
				got[name] = "absent"
			case y.Kind == x.Kind:
				got[name] = "same"
			default:
				got[name] = "clash"
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("seed %d:\ngot  %v\nwant %v", seed, got, want)
		}
	}
}

// TestFollowDoesNotEnterOtherFolders counts what is read of the second tree.
func TestFollowDoesNotEnterOtherFolders(t *testing.T) {
	a, b := &bucket{keys: map[string]bool{}}, &counted{}
	b.keys = map[string]bool{}
	a.add("d/x")
	for i := range 100 {
		b.add(fmt.Sprintf("c%d/x", i))
		b.add(fmt.Sprintf("d/y%d", i))
		b.add(fmt.Sprintf("e%d/x", i))
	}
	err := compare.Follow(context.Background(), compare.Side{Store: a}, compare.Side{Store: b}, func(string, *stores.Entry, *stores.Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if b.entered != 1 {
		t.Errorf("entered %d folders, want 1", b.entered)
	}
}

// counted counts the folders that a walk goes into.
type counted struct {
	bucket
	entered int
}

func (c *counted) Walk(ctx context.Context, dir string, o stores.WalkOptions, fn func(*stores.Entry) error) error {
	return c.bucket.Walk(ctx, dir, o, func(e *stores.Entry) error {
		err := fn(e)
		if e.Kind == stores.Dir && err == nil {
			c.entered++
		}
		return err
	})
}
