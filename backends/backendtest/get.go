package backendtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	iofs "io/fs"
	"math/rand/v2"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"

	"sd/backends"
)

// Pattern returns n bytes of which no two ranges look alike.
func Pattern(n int) string {
	b := make([]byte, 0, n+32)
	for i := int64(1); len(b) < n; i++ {
		b = append(strconv.AppendInt(b, i*0x9e3779b97f4a7c1, 36), ',')
	}
	return string(b[:n])
}

var getTests = []test{
	{"Ranges", nil, func(s *store) {
		const size = 3 << 20
		content := Pattern(size)
		s.seed("d/file", content)
		for _, tt := range []struct{ off, n int64 }{
			{0, -1}, {0, size}, {0, 1}, {0, 100}, {0, 0}, {0, size + 1},
			{1, -1}, {1, size}, {1 << 20, 1 << 20}, {12345, 67890}, {size / 2, 0},
			{size - 1, -1}, {size - 1, 1}, {size - 1, 100}, {size - 10, 1 << 40},
			{size, -1}, {size, 0}, {size, 10}, {size + 1, -1}, {size + 1, 10}, {1 << 40, 10}, {1 << 40, -1},
		} {
			want := content[min(tt.off, size):]
			if tt.n >= 0 {
				want = want[:min(tt.n, int64(len(want)))]
			}
			got, e := s.get("d/file", "", tt.off, tt.n)
			if got != want {
				s.Errorf("Get at %d of %d bytes: got %d bytes %s, want %d bytes %s", tt.off, tt.n, len(got), brief(got), len(want), brief(want))
			}
			if tt.off < size && (e.Name != "d/file" || e.Kind != backends.File || e.Size != size || e.Version == "") {
				s.Errorf("Get at %d of %d bytes: got %+v, want the entry of the whole file", tt.off, tt.n, e)
			}
		}
	}},
	{"EmptyFile", nil, func(s *store) {
		s.seed("empty", "")
		for _, tt := range []struct{ off, n int64 }{{0, -1}, {0, 0}, {0, 10}, {5, -1}, {5, 10}} {
			if got, _ := s.get("empty", "", tt.off, tt.n); got != "" {
				s.Errorf("Get at %d of %d bytes of an empty file: %q", tt.off, tt.n, got)
			}
		}
		if _, e := s.get("empty", "", 0, -1); e.Size != 0 || e.Name != "empty" {
			s.Errorf("got %+v", e)
		}
	}},
	{"EntryAgreesWithStat", nil, func(s *store) {
		s.seed("d/file", "hello")
		want := s.stat("d/file")
		_, got := s.get("d/file", "", 1, 2)
		if got.Name != want.Name || got.Kind != want.Kind || got.Size != want.Size || got.Version != want.Version ||
			got.ModTime.Unix() != want.ModTime.Unix() {
			s.Errorf("Get says %+v, Stat %+v", got, want)
		}
	}},
	{"Missing", nil, func(s *store) {
		s.seed("file", "x", "dir/in", "y")
		for _, name := range []string{"none", "fil", "dir/none", "none/none"} {
			for _, off := range []int64{0, 10} {
				_, _, err := s.Get(s.ctx(), name, "", off, -1)
				s.wantErr("Get", name, err, iofs.ErrNotExist)
			}
		}
	}},
	{"OfDirectory", nil, func(s *store) {
		s.seed("dir/in", "y")
		_, _, err := s.Get(s.ctx(), "", "", 0, -1)
		s.wantErr("Get", "", err, backends.ErrIsDir)
		_, _, err = s.Get(s.ctx(), "dir", "", 0, -1)
		s.wantErr("Get", "dir", err, backends.ErrIsDir, iofs.ErrNotExist)
	}},
	{"BelowFile", nil, func(s *store) {
		s.seed("file", "x")
		_, _, err := s.Get(s.ctx(), "file/child", "", 0, -1)
		s.wantErr("Get", "file/child", err, iofs.ErrNotExist, backends.ErrNotDir)
	}},
	{"SmallReads", nil, func(s *store) {
		content := Pattern(10000)
		s.seed("file", content)
		r, _, err := s.Get(s.ctx(), "file", "", 7, -1)
		if err != nil {
			s.Fatal(err)
		}
		defer r.Close()
		var got strings.Builder
		if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{r}, make([]byte, 3)); err != nil {
			s.Fatal(err)
		}
		if got.String() != content[7:] {
			s.Errorf("got %s", brief(got.String()))
		}
		for range 2 {
			if n, err := r.Read(make([]byte, 10)); n != 0 || err != io.EOF {
				s.Errorf("reading on at the end: %d, %v; want 0, EOF", n, err)
			}
		}
	}},
	{"Concurrent", nil, func(s *store) {
		contents := map[string]string{}
		for i := range 4 {
			contents[fmt.Sprintf("d/f%d", i)] = Pattern(50000 + i)
		}
		s.seedAll(contents)
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				for i := range 10 {
					name := fmt.Sprintf("d/f%d", (worker+i)%4)
					off := int64(worker * 1000)
					r, _, err := s.Get(s.ctx(), name, "", off, 5000)
					if err != nil {
						s.Errorf("Get: %v", err)
						return
					}
					got, err := io.ReadAll(r)
					r.Close()
					if want := contents[name][off : off+5000]; err != nil || string(got) != want {
						s.Errorf("%q at %d: got %s, %v; want %s", name, off, brief(string(got)), err, brief(want))
					}
					if e, err := s.Stat(s.ctx(), name); err != nil || e.Size != int64(len(contents[name])) {
						s.Errorf("Stat(%q) = %+v, %v", name, e, err)
					}
					err = s.List(s.ctx(), "d", func([]backends.Entry) error { return nil })
					if err != nil {
						s.Errorf("List: %v", err)
					}
				}
			})
		}
		all.Wait()
	}},
	{"EarlyCloseLeaksNothing", nil, func(s *store) {
		s.seed("big", strings.Repeat("0123456789abcdef", 4<<20/16))
		const rounds = 30
		abandon := func() {
			r, _, err := s.Get(s.ctx(), "big", "", 0, -1)
			if err != nil {
				s.Fatal(err)
			}
			if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
				s.Error(err)
			}
			if err := r.Close(); err != nil {
				s.Errorf("closing early: %v", err)
			}
		}
		// Other tests may run at the same time: a label tells which goroutines come of this.
		label := strconv.FormatUint(rand.Uint64(), 36)
		pprof.Do(s.ctx(), pprof.Labels("abandoned", label), func(context.Context) {
			for range rounds {
				abandon()
			}
		})
		for end := time.Now().Add(time.Minute); goroutines(label) > rounds/3; {
			if time.Now().After(end) {
				s.Fatalf("%d goroutines after %d readers were closed early", goroutines(label), rounds)
			}
			runtime.Gosched()
		}
	}},
}

// goroutines counts those that have a label.
func goroutines(label string) (sum int) {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		panic(err)
	}
	count := 0 // of the group of goroutines that the present lines are about
	for line := range strings.Lines(profile.String()) {
		if n, _, ok := strings.Cut(line, " @ "); ok {
			count, _ = strconv.Atoi(n)
		} else if strings.HasPrefix(line, "# labels:") && strings.Contains(line, label) {
			sum += count
		}
	}
	return sum
}
