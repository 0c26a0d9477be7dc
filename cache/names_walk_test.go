package cache

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sd/backends"
)

var walkConfig = NamesConfig{TTL: time.Minute}

// 20,000 entries in 400 folders take as long as their pages, some at a time.
func TestWalkAhead(t *testing.T) {
	for _, readers := range []int{1, 8} {
		t.Run(fmt.Sprint(readers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newForest(t, walkConfig, 30*time.Millisecond, manyKeys(400, 50)...)
				defer f.names.Close()
				begun := time.Now()
				todo := make(chan string)
				var wg sync.WaitGroup
				for range readers {
					wg.Go(func() {
						for dir := range todo {
							f.read(dir)
						}
					})
				}
				for _, name := range f.read("p") {
					todo <- "p/" + name
				}
				close(todo)
				wg.Wait()
				pages, lists := f.requests()
				rounds := time.Since(begun) / f.rtt
				t.Logf("%d requests, %d of them lists of a folder, up to %d at a time, in %d round trips", pages, lists, f.most, rounds)
				if pages > 30 || lists > 2+readers || f.most < 4 || rounds > 12 {
					t.Errorf("%d requests (want 30 at most), %d of them lists of a folder, up to %d at a time (want 4), in %d round trips (want 12 at most)",
						pages, lists, f.most, rounds)
				}
			})
		})
	}
}

// Folders at any depth, those that hold only folders among them, are listed as the
// store lists them, whatever the size of pages and folders is.
func TestWalkAnyTree(t *testing.T) {
	for range 8 {
		synctest.Test(t, func(t *testing.T) {
			seed := rand.Uint64()
			rng := rand.New(rand.NewPCG(seed, 0))
			keys := map[string]bool{}
			size := 1 + rng.IntN(2000)
			for range size {
				dir := ""
				for range rng.IntN(6) {
					dir += fmt.Sprintf("d%d%s/", rng.IntN(1+rng.IntN(8)), []string{"", "-", ".x", "0", "é"}[rng.IntN(5)])
				}
				keys[dir+fmt.Sprintf("f%d%s", rng.IntN(1000), []string{"", "-", "0"}[rng.IntN(3)])] = true
			}
			f := newForest(t, walkConfig, time.Duration(rng.IntN(50))*time.Millisecond, slices.Sorted(maps.Keys(keys))...)
			defer f.names.Close()
			for range rng.IntN(20) {
				name := fmt.Sprintf("d%d/empty%d", rng.IntN(8), rng.IntN(10))
				if err := f.store.Mkdir(t.Context(), name); err != nil && !strings.Contains(err.Error(), "exist") {
					t.Fatal(err)
				}
			}
			readers := 1 + rng.IntN(4)
			var wg sync.WaitGroup
			folders := 0
			for i := range readers {
				wg.Go(func() {
					n := f.readTree("")
					if i == 0 {
						folders = n
					}
				})
			}
			wg.Wait()
			pages, lists := f.requests()
			if t.Failed() || pages > folders*2+20 {
				t.Errorf("seed %d: %d requests, %d of them lists of a folder, for %d folders with %d files read by %d", seed, pages, lists, folders, size, readers)
			}
		})
	}
}

// What nobody reads costs a few pages.
func TestWalkStopsWithItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForest(t, walkConfig, 30*time.Millisecond, manyKeys(1000, 30)...)
		defer f.names.Close()
		f.read("p")
		for i := range 4 {
			f.read(fmt.Sprintf("p/d%04d", i))
		}
		f.quiet()
		pages, _ := f.requests()
		if pages > 14 {
			t.Errorf("%d requests for 5 folders that were read", pages)
		}
		for i := range 1000 { // it goes on with its reader
			f.read(fmt.Sprintf("p/d%04d", i))
		}
		if pages, lists := f.requests(); pages > 70 || lists > 20 {
			t.Errorf("%d requests, %d of them lists of a folder, for 30,000 entries", pages, lists)
		}
	})
}

// A folder of many that nobody reads neither holds the others up nor is listed to its end.
func TestWalkPassesALargeFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := manyKeys(200, 5)
		for i := range 25_000 {
			keys = append(keys, fmt.Sprintf("p/d0100/deep/g%06d", i))
		}
		for i := range 20_000 {
			keys = append(keys, fmt.Sprintf("p/d0100a%06d", i)) // and files between
		}
		f := newForest(t, walkConfig, 30*time.Millisecond, keys...)
		defer f.names.Close()
		f.read("p")
		before, _ := f.requests()
		for i := range 200 {
			f.read(fmt.Sprintf("p/d%04d", i))
		}
		f.quiet()
		if pages, lists := f.requests(); pages-before > 20 || lists > 10 {
			t.Errorf("%d requests, %d of them lists of a folder", pages-before, lists)
		}
		f.read("p/d0100/deep")
	})
}

func TestWalkNeedsAnOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForest(t, walkConfig, time.Millisecond, manyKeys(1000, 3)...)
		defer f.names.Close()
		f.read("p")
		for i := range 40 {
			f.read(fmt.Sprintf("p/d%04d", (7+i*397)%1000))
		}
		f.quiet()
		if pages, lists := f.requests(); pages != 41 || lists != 41 || f.flatLists() != 0 {
			t.Errorf("%d requests, %d lists of a folder and %d flat ones, want 41 lists alone", pages, lists, f.flatLists())
		}
	})
}

// A few small folders cost no more requests than they would each by itself.
func TestWalkOfAFew(t *testing.T) {
	for n := 1; n <= 8; n++ {
		synctest.Test(t, func(t *testing.T) {
			f := newForest(t, walkConfig, time.Millisecond, manyKeys(n, 3)...)
			defer f.names.Close()
			f.readTree("")
			f.quiet()
			if pages, _ := f.requests(); pages > n+2 {
				t.Errorf("%d requests for %d folders", pages, n+2)
			}
		})
	}
}

// What is changed here while a flat list is under way is not undone by it.
func TestWalkAndLocalChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForest(t, walkConfig, 30*time.Millisecond, manyKeys(100, 5)...)
		defer f.names.Close()
		var shows atomic.Int32
		f.show = func(dir string, page []backends.Entry) []backends.Entry {
			if dir == "p/d0050" {
				shows.Add(1)
				f.names.Put(DirKey{"fp", dir}, entry("f001", "shown"))
			}
			return page
		}
		f.read("p")
		f.read("p/d0000")
		r := f.open("p/d0001")
		time.Sleep(f.rtt / 2) // the flat list was asked for and has not answered
		if got := f.flatLists(); got != 1 {
			t.Fatalf("%d flat lists", got)
		}
		in := func(dir string) DirKey { return DirKey{"fp", dir} }
		f.names.Put(in("p/d0010"), entry("mine", "1"))
		f.names.Remove(in("p/d0010"), "f002")
		f.names.Put(in("p/d0010"), entry("f003", "mine"))
		f.names.Remove(in("p/d0001"), "f000")
		f.names.Put(in("p/d0020"), entry("mine", "1"))
		f.names.Invalidate(in("p/d0020"))
		time.Sleep(f.rtt)
		synctest.Wait()
		for _, tt := range []struct {
			dir, name string
			want      State
		}{
			{"p/d0010", "f001", Present}, {"p/d0010", "mine", Present}, {"p/d0010", "f002", Absent},
			{"p/d0010", "f003", Present}, {"p/d0010", "other", Absent}, {"p/d0001", "f000", Absent},
			{"p/d0001", "f001", Present}, {"p/d0020", "mine", Unknown}, {"p/d0020", "f001", Unknown},
			{"p/d0050", "f001", Present},
		} {
			if got := f.state(tt.dir, tt.name); got != tt.want {
				t.Errorf("%s/%s: got state %d, want %d", tt.dir, tt.name, got, tt.want)
			}
		}
		for dir, name := range map[string]string{"p/d0010": "f003", "p/d0050": "f001"} {
			e, _ := f.names.Lookup(in(dir), name)
			if e.Version != "mine" && e.Version != "shown" {
				t.Errorf("%s/%s is version %q of the flat list", dir, name, e.Version)
			}
		}
		if got := shows.Load(); got != 1 {
			t.Errorf("%d pages of a folder shown, want 1", got)
		}
		r.Close()
	})
}

// A flat list that fails completes nothing, and a reader gets a listing of his own.
func TestWalkFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForest(t, walkConfig, 30*time.Millisecond, manyKeys(100, 300)...)
		defer f.names.Close()
		f.read("p")
		f.read("p/d0000")
		r := f.open("p/d0001")
		time.Sleep(f.rtt + f.rtt/2) // a page has come
		f.mu.Lock()
		f.failing = errStore
		f.mu.Unlock()
		f.quiet()
		if got := f.state("p/d0004", "f001"); got != Present {
			t.Errorf("of the folder that broke off: state %d", got)
		}
		if got := f.state("p/d0004", "f299"); got != Unknown {
			t.Errorf("of the folder that broke off: state %d of what did not come", got)
		}
		if got := f.state("p/d0001", "other"); got != Absent {
			t.Errorf("of the folder before: state %d", got)
		}
		r.Close()
		r = f.open("p/d0099")
		if _, _, err := r.At(t.Context(), 0); !errors.Is(err, errStore) {
			t.Errorf("got %v, want %v", err, errStore)
		}
		r.Close()
		f.mu.Lock()
		f.failing = nil
		f.mu.Unlock()
		walks := f.flatLists()
		f.readTree("")
		if got := f.flatLists(); got != walks {
			t.Errorf("%d flat lists soon after one failed", got-walks)
		}
	})
}

func TestWalkEnds(t *testing.T) {
	for name, end := range map[string]func(m *Names){
		"Close":          func(m *Names) { m.Close() },
		"InvalidateTree": func(m *Names) { m.InvalidateTree("fp", "p/d0003") },
		"Above":          func(m *Names) { m.InvalidateTree("fp", "") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newForest(t, walkConfig, 30*time.Millisecond, manyKeys(100, 300)...)
				defer f.names.Close()
				f.read("p")
				f.read("p/d0000")
				r := f.open("p/d0001")
				defer r.Close()
				time.Sleep(f.rtt / 2)
				end(f.names)
				f.names.mu.Lock()
				if len(f.names.walks) != 0 {
					t.Error("the walk goes on")
				}
				f.names.mu.Unlock()
				if name != "Close" {
					f.quiet()
					if names, err := readAll(t, r); err != io.EOF || len(names) != 300 {
						t.Errorf("%d names, %v", len(names), err)
					}
					if got := f.state("p/d0005", "f001"); got != Unknown {
						t.Errorf("state %d by a list that was ended", got)
					}
				}
			})
		})
	}
}
