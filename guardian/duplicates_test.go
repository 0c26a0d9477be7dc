package guardian

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sd/library/catalog"
)

// twins are two files of one fingerprint: they differ in a byte that it does not read.
func twins() (a, b string) {
	bytes := []byte(strings.Repeat("sampled ", 1<<17)) // 1 MiB
	a = string(bytes)
	bytes[300_000] ^= 1
	return a, string(bytes)
}

// duplicates are all groups, by their copies.
func (w *world) duplicates(q DuplicateQuery) (groups [][]string, totals DuplicateTotals) {
	w.t.Helper()
	totals, err := w.g.Duplicates(w.t.Context(), q, func(g Group) error {
		groups = append(groups, w.instances(g.Copies))
		return nil
	})
	w.must(err)
	return groups, totals
}

func (w *world) probable(q DuplicateQuery) (groups [][]string, totals ProbableTotals) {
	w.t.Helper()
	totals, err := w.g.Probable(w.t.Context(), q, func(g ProbableGroup) error {
		groups = append(groups, w.names(g.Files...))
		return nil
	})
	w.must(err)
	return groups, totals
}

func TestDuplicates(t *testing.T) {
	w := newWorld(t)
	big, small := strings.Repeat("b", 5000), "small"
	w.write("a/big", big, 1)
	w.write("b/big", big, 2)
	w.write("c/big", big, 3)
	w.write("a/small", small, 1)
	w.write("b/small", small, 1)
	w.write("only", "one", 1)
	w.write("linked", "linked", 1)
	w.link("linked", "again")
	w.link("c/big", "c/link")
	w.write("empty1", "", 1)
	w.write("empty2", "", 1)
	w.scan(all)
	place := w.bucket("box", nil)
	w.put("box", place, "x/small", small)
	w.away(w.device("desktop"), "home/small", small)

	groups, totals := w.duplicates(DuplicateQuery{})
	want(t, "groups", groups, [][]string{
		{"a/big", "b/big", "c/big=c/link"},
		{"a/small", "b/small", "local://desktop/home/small", "s3://box/x/small"},
	})
	want(t, "totals", totals, DuplicateTotals{Groups: 2, Copies: 7, Reclaimable: 2*5000 + 3*5})

	groups, limited := w.duplicates(DuplicateQuery{Limit: 1})
	want(t, "the first group", groups, [][]string{{"a/big", "b/big", "c/big=c/link"}})
	want(t, "totals with a limit", limited, totals)

	groups, _ = w.duplicates(DuplicateQuery{MinSize: 100})
	want(t, "large groups", len(groups), 1)

	groups, totals = w.duplicates(DuplicateQuery{Under: []Scope{w.scope("a"), w.scope("c"), {Place: place}}})
	want(t, "groups in scope", groups, [][]string{{"a/big", "c/big=c/link"}, {"a/small", "s3://box/x/small"}})
	want(t, "totals in scope", totals, DuplicateTotals{Groups: 2, Copies: 4, Reclaimable: 5000 + 5})

	_, err := w.g.Duplicates(t.Context(), DuplicateQuery{Under: []Scope{w.scope("a"), w.scope("c")}}, func(g Group) error {
		want(t, "copies elsewhere", g.Elsewhere, 1)
		return nil
	})
	w.must(err)
}

// A file that was moved or touched since it was read holds the same bytes most probably. It
// is named, and counts for nothing.
func TestUnprovenIsNoDuplicate(t *testing.T) {
	w := newWorld(t)
	w.write("a", "same", 1)
	w.write("b", "same", 1)
	w.write("c", "same", 1)
	w.scan(all)
	w.must(os.Chmod(filepath.Join(w.dir, "c"), 0o600))
	w.scan(func(string) catalog.Proof { return catalog.Unknown })
	_, err := w.g.Duplicates(t.Context(), DuplicateQuery{}, func(g Group) error {
		want(t, "copies", w.instances(g.Copies), []string{"a", "b"})
		want(t, "unproven", w.names(g.Unproven...), []string{"c"})
		want(t, "reclaimable", g.Reclaimable, int64(4))
		return nil
	})
	w.must(err)
}

// Files that look the same by fingerprint are probable duplicates until they are read,
// and none after that.
func TestSampledTwin(t *testing.T) {
	w := newWorld(t)
	a, b := twins()
	w.write("a", a, 1)
	w.write("b", b, 2)
	for _, tt := range []struct {
		proven   []string
		probable [][]string
	}{
		{nil, [][]string{{"a", "b"}}},
		{[]string{"a"}, [][]string{{"a", "b"}}},
		{[]string{"a", "b"}, nil},
	} {
		w.scan(func(name string) catalog.Proof {
			if slices.Contains(tt.proven, name) {
				return catalog.Read
			}
			return catalog.Unknown
		})
		if w.file("a").Hint == 0 || w.file("a").Hint != w.file("b").Hint {
			t.Fatal("the twins have different fingerprints")
		}
		groups, totals := w.duplicates(DuplicateQuery{})
		want(t, "proven duplicates", groups, nil)
		want(t, "totals", totals, DuplicateTotals{})
		probable, maybe := w.probable(DuplicateQuery{})
		want(t, "probable duplicates", probable, tt.probable)
		if len(tt.probable) > 0 {
			want(t, "probable totals", maybe, ProbableTotals{Groups: 1, Files: 2, Bytes: 1 << 20})
		}
		if plans, _ := w.plans(DuplicateQuery{}, Keep{Rule: KeepFirst}); len(plans) > 0 {
			t.Errorf("with %v proven, the plan is %v", tt.proven, plans)
		}
		r, err := w.g.Report(t.Context(), ReportQuery{})
		w.must(err)
		want(t, "files with one copy", int(r.OneCopy.Files), len(tt.proven))
	}
}

// Two volumes that lead into one bucket show each object twice, which makes no copy.
func TestOneBucketIsOnePlace(t *testing.T) {
	w := newWorld(t)
	first, second := w.bucket("box", nil), w.bucket("box", map[string]string{"profile": "other"})
	w.put("box", first, "a", "bytes")
	e, err := w.stores["box"].Stat(t.Context(), "a")
	w.must(err)
	w.row(second, "a", "bytes", e.Version, e.ModTime.UnixNano(), catalog.Stored)
	groups, _ := w.duplicates(DuplicateQuery{})
	want(t, "groups", groups, nil)
	r, err := w.g.Report(t.Context(), ReportQuery{})
	w.must(err)
	want(t, "files with one copy", r.OneCopy, Tally{1, 5})

	w.put("box", first, "b", "bytes")
	groups, _ = w.duplicates(DuplicateQuery{})
	want(t, "groups", len(groups), 1)
	want(t, "copies", len(groups[0]), 2)
	w.must(w.lib.RemoveVolume(t.Context(), strings.TrimPrefix(string(second), "volume:")))
	w.must(w.lib.RemoveVolume(t.Context(), strings.TrimPrefix(string(first), "volume:")))
	groups, _ = w.duplicates(DuplicateQuery{})
	want(t, "groups in volumes that are removed", groups, nil)
}

// The same file, seen through a folder that is mounted in two places.
func TestSameFileTwice(t *testing.T) {
	w := newWorld(t)
	w.write("a", "bytes", 1)
	w.scan(all)
	f := w.file("a")
	w.row(w.here, "mnt/elsewhere/a", "bytes", f.Version, f.ModTime, catalog.Read)
	groups, _ := w.duplicates(DuplicateQuery{})
	want(t, "groups", groups, nil)
}

func TestTop(t *testing.T) {
	for limit := range 8 {
		best := top[int]{limit: limit}
		for i, weight := range []int64{3, 1, 4, 1, 5, 9, 2, 6} {
			best.add(weight, uint64(i), i)
		}
		all := []int{5, 7, 4, 2, 0, 6, 1, 3}
		if limit > 0 {
			all = all[:limit]
		}
		want(t, "the heaviest", best.sorted(), all)
	}
}
