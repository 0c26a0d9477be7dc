package guardian

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// protect returns the planned copies as "from > to" and what falls short.
func (w *world) protect(q ProtectQuery) (steps, short []string, totals ProtectTotals) {
	w.t.Helper()
	totals, err := w.g.Protect(w.t.Context(), q, func(s Step) error {
		steps = append(steps, w.names(s.From)[0]+" > "+strings.Replace(s.To.String(), w.dir, "DIR", 1))
		return nil
	}, func(s Shortfall) error {
		short = append(short, w.names(s.Name)[0])
		return nil
	})
	w.must(err)
	slices.Sort(steps)
	slices.Sort(short)
	return steps, short, totals
}

func cloud(bucket, path string) sdpath.Path {
	return sdpath.Cloud{Service: sdpath.S3, Identifier: bucket, Path: path}
}

func TestProtect(t *testing.T) {
	w := newWorld(t)
	box, vault := w.bucket("box", nil), w.bucket("vault", nil)
	slug := w.lib.ThisDevice().Slug
	w.write("a.txt", "alone", 1)
	w.write("b", "twice here", 1)
	w.write("c", "twice here", 1)
	w.write("safe", "is safe", 1)
	w.put("box", box, "safe", "is safe")
	w.write("unread", "???", 1)
	w.scan(func(name string) catalog.Proof {
		if name == "unread" {
			return catalog.Unknown
		}
		return catalog.Read
	})
	q := ProtectQuery{Under: []Scope{w.scope("")}, To: []sdpath.Path{cloud("box", "backup"), cloud("vault", "")}}
	below := "local/" + slug + w.dir + "/"
	to := func(path string) string { return strings.Replace(path, w.dir, "DIR", 1) }
	steps, short, totals := w.protect(q)
	want(t, "copies", steps, []string{"a.txt > " + to("s3://box/backup/"+below+"a.txt"), "b > " + to("s3://box/backup/"+below+"b")})
	want(t, "short", short, nil)
	want(t, "totals", []int64{totals.Contents, totals.Copies, totals.Bytes, totals.Unidentified.Files}, []int64{2, 2, 15, 1})
	if totals.Targets[0].Tally != (Tally{2, 15}) || totals.Targets[1].Tally != (Tally{}) || totals.Targets[0].Indexed {
		t.Errorf("got targets %+v", totals.Targets)
	}

	// Once they are made and indexed, nothing is left to do.
	w.put("box", box, "backup/"+below+"a.txt", "alone")
	w.put("box", box, "backup/"+below+"b", "twice here")
	steps, short, _ = w.protect(q)
	want(t, "copies after that", append(steps, short...), nil)

	// A third device; and the file has changed since, so its copy's name is taken.
	w.policy(library.Policy{Place: w.here, Path: w.path("a.txt"), Copies: 3, Different: library.DifferentDevice})
	w.write("a.txt", "anew!", 2)
	w.scan(all)
	q.Under = []Scope{w.scope("a.txt")}
	steps, _, _ = w.protect(q)
	id := w.content("a.txt").ID().String()[:8]
	want(t, "copies of what has changed", steps, []string{
		"a.txt > " + to("s3://box/backup/"+below+"a ("+id+").txt"),
		"a.txt > " + to("s3://vault/"+below+"a.txt"),
	})

	// Two media are not to be had from one machine and buckets for three copies.
	w.policy(library.Policy{Place: w.here, Path: w.path("a.txt"), Copies: 3, Different: library.DifferentMedium})
	steps, short, _ = w.protect(q)
	want(t, "copies for three media", len(steps), 1)
	want(t, "short of three media", short, []string{"a.txt"})
	_ = vault
}

func (w *world) content(name string) catalog.Content {
	w.t.Helper()
	c, err := w.lib.Catalog().ContentByKey(w.t.Context(), w.file(name).Content)
	w.must(err)
	return c
}

// A copy comes from where it can be read.
func TestProtectFromWhatIsThere(t *testing.T) {
	w := newWorld(t)
	box := w.bucket("box", nil)
	w.bucket("vault", nil)
	w.write("gone", "bytes", 1)
	w.write("lost", "no more", 1)
	w.scan(all)
	w.put("box", box, "still", "bytes")
	w.must(os.Remove(filepath.Join(w.dir, "gone")))
	w.must(os.Remove(filepath.Join(w.dir, "lost")))
	w.policy(library.Policy{Place: w.here, Copies: 3, Different: library.DifferentDevice})
	w.policy(library.Policy{Place: box, Copies: 1})
	steps, short, _ := w.protect(ProtectQuery{To: []sdpath.Path{cloud("vault", "")}})
	want(t, "copies", len(steps), 1)
	if len(steps) == 1 && !strings.HasPrefix(steps[0], "s3://box/still > s3://vault/") {
		t.Errorf("got %v, want a copy of the object", steps)
	}
	want(t, "short", short, []string{"lost"})
}

func TestProtectTargets(t *testing.T) {
	w := newWorld(t)
	w.write("a", "bytes", 1)
	w.scan(all)
	box := w.bucket("box", nil)
	_, err := w.lib.AddLocation(t.Context(), library.Location{Name: "box", Place: box})
	w.must(err)
	// Of itself, a plan takes the bucket; the machine's own disk is no other device.
	steps, _, totals := w.protect(ProtectQuery{})
	if len(steps) != 1 || !strings.HasPrefix(steps[0], "a > s3://box/"+CopiesFolder+"/local/") {
		t.Errorf("got %v, want one copy to the bucket", steps)
	}
	for _, target := range totals.Targets {
		if target.Files > 0 && !target.Indexed {
			t.Errorf("%v lies in a location, and is said not to", target.URI)
		}
	}
	for _, to := range []sdpath.Path{cloud("none", ""), sdpath.NewPhysical(w.lib.ThisDevice().Slug, "/proc"), sdpath.NewPhysical("nobody", "/")} {
		var failed *TargetError
		if _, err := w.g.Protect(t.Context(), ProtectQuery{To: []sdpath.Path{to}}, nil, nil); !errors.As(err, &failed) {
			t.Errorf("%v: got %v, want a TargetError", to, err)
		}
	}
}

func TestForCopies(t *testing.T) {
	for _, tt := range []struct {
		kind, point string
		want        bool
	}{
		{resolver.KindSystem, "/", false}, {resolver.KindSystem, "/home", false}, {resolver.KindSystem, "/boot/efi", false},
		{resolver.KindSystem, "/mnt/data", true}, {resolver.KindExternal, "/x", true}, {resolver.KindNetwork, "/nas", true},
		{resolver.KindCloud, "/gdrive", false},
	} {
		if got := forCopies(resolver.LocalVolume{Kind: tt.kind, MountPoint: tt.point}); got != tt.want {
			t.Errorf("a %s volume at %s: got %v, want %v", tt.kind, tt.point, got, tt.want)
		}
	}
}

// planner with targets of its own.
func chooser(targets []*Target, have ...*Site) *protector {
	p := &protector{}
	for _, t := range targets {
		p.totals.Targets = append(p.totals.Targets, TargetTotals{Target: t})
	}
	for _, s := range have {
		p.census.add(s, 1)
	}
	return p
}

func TestChoose(t *testing.T) {
	target := func(s *Site, free int64) *Target { return &Target{Site: s, Free: free} }
	towerSSD := &Site{Device: "tower", Medium: "ssd", Volume: "x"}
	both := library.Policy{Copies: 2, Different: library.DifferentDevice | library.DifferentMedium}
	devices3 := library.Policy{Copies: 3, Different: library.DifferentDevice}
	volumes := library.Policy{Copies: 2, Different: library.DifferentVolume}
	plain := library.Policy{Copies: 2}
	for _, tt := range []struct {
		name    string
		have    []*Site
		targets []*Target
		wanted  []*library.Policy
		want    []int
	}{
		{"the first that helps", []*Site{laptopSSD}, []*Target{target(laptopHDD, -1), target(nas, -1), target(bucket, -1)}, []*library.Policy{&both}, []int{1}},
		{"a disk is enough", []*Site{laptopSSD}, []*Target{target(laptopHDD, -1), target(nas, -1)}, []*library.Policy{&volumes}, []int{0}},
		{"the same disk is enough", []*Site{laptopSSD}, []*Target{target(laptopSSD, -1)}, []*library.Policy{&plain}, []int{0}},
		{"no room on the first", []*Site{laptopSSD}, []*Target{target(nas, 9), target(bucket, 10)}, []*library.Policy{&both}, []int{1}},
		{"two for three", []*Site{laptopSSD}, []*Target{target(laptopHDD, -1), target(nas, -1), target(bucket, -1)}, []*library.Policy{&devices3}, []int{1, 2}},
		{"two policies, one copy", []*Site{laptopSSD}, []*Target{target(laptopHDD, -1), target(nas, -1)}, []*library.Policy{&both, &volumes}, []int{1}},
		{"as far as it goes", []*Site{laptopSSD}, []*Target{target(nas, -1)}, []*library.Policy{&devices3}, []int{0}},
		{"nothing helps", []*Site{laptopSSD}, []*Target{target(laptopHDD, -1)}, []*library.Policy{&devices3}, nil},
		{"each of two helps only with the other", []*Site{laptopSSD}, []*Target{target(laptopHDD, -1), target(towerSSD, -1)}, []*library.Policy{&both}, []int{0, 1}},
	} {
		p := chooser(tt.targets, tt.have...)
		if got := p.choose(tt.wanted, 10); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	// Room runs out.
	p := chooser([]*Target{target(nas, 25), target(bucket, -1)})
	var got []int
	for range 3 {
		p.census.reset()
		p.census.add(laptopSSD, 1)
		got = append(got, p.choose([]*library.Policy{&Default}, 10)...)
	}
	want(t, "targets of three files", got, []int{0, 0, 1})
}
