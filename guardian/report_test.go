package guardian

import (
	"fmt"
	"strings"
	"testing"

	"sd/library"
	"sd/library/catalog"
)

func TestReport(t *testing.T) {
	w := newWorld(t)
	box := w.bucket("box", nil)
	vault := w.bucket("vault", nil)
	w.write("photos/alone", strings.Repeat("1", 1000), 1) // one copy
	w.write("photos/a", strings.Repeat("2", 100), 1)      // two here
	w.write("photos/b", strings.Repeat("2", 100), 1)
	w.write("docs/safe", strings.Repeat("3", 10), 1) // here and in a bucket
	w.put("box", box, "safe", strings.Repeat("3", 10))
	w.put("box", box, "twice", "four") // in two buckets
	w.put("vault", vault, "twice", "four")
	w.write("linked", "linked", 1) // one copy, two names
	w.link("linked", "photos/linked")
	w.write("new", "unread", 1)
	w.write("empty", "", 1)
	w.scan(func(name string) catalog.Proof {
		if name == "new" {
			return catalog.Unknown
		}
		return catalog.Read
	})
	w.policy(library.Policy{Place: w.here, Path: w.path("photos"), Copies: 2})
	w.policy(library.Policy{Place: vault, Copies: 2, Different: library.DifferentDevice | library.DifferentMedium})

	report := func(q ReportQuery) Report {
		t.Helper()
		r, err := w.g.Report(t.Context(), q)
		w.must(err)
		return r
	}
	r := report(ReportQuery{})
	want(t, "risks", r.Risks, Risks{
		Total:        Tally{8, 1000 + 200 + 20 + 8 + 6},
		OneCopy:      Tally{2, 1006},
		OneDevice:    Tally{2, 200},
		OneMedium:    Tally{2, 8},
		Unmet:        Tally{3, 1000 + 6 + 4},
		Unidentified: Tally{1, 6},
	})
	var policies []string
	for _, p := range r.Policies {
		policies = append(policies, strings.Join([]string{Describe(p.Policy), tally(p.Total), tally(p.Unmet)}, " "))
	}
	// The linked file is asked for by two policies.
	want(t, "policies", policies, []string{
		"2 copies 4/1206 2/1006",
		"2 copies on different devices and media 1/4 1/4",
		"2 copies on different devices 4/30 1/6",
	})

	r = report(ReportQuery{Under: []Scope{w.scope("photos"), w.scope("new"), w.scope("nowhere")}})
	want(t, "risks in scope", r.Risks, Risks{
		Total: Tally{4, 1206}, OneCopy: Tally{2, 1006}, OneDevice: Tally{2, 200}, Unmet: Tally{2, 1006}, Unidentified: Tally{1, 6},
	})
}

func tally(t Tally) string { return fmt.Sprintf("%d/%d", t.Files, t.Bytes) }

func TestReportByFolder(t *testing.T) {
	w := newWorld(t)
	w.write("low/a", "1", 1)
	w.write("high/deep/a", strings.Repeat("2", 100), 1)
	w.write("high/deeper/b", strings.Repeat("3", 100), 1)
	w.write("high/c", "unread", 1)
	w.write("top", strings.Repeat("4", 50), 1)
	w.scan(func(name string) catalog.Proof {
		if name == "high/c" {
			return catalog.Unknown
		}
		return catalog.Read
	})
	// A location inside another one is no base of its own, a bucket is.
	_, err := w.lib.AddLocation(t.Context(), library.Location{Name: "inner", Place: w.here, Path: w.path("high/deep")})
	w.must(err)
	box := w.bucket("box", nil)
	w.put("box", box, "x/y", strings.Repeat("5", 20))
	_, err = w.lib.AddLocation(t.Context(), library.Location{Name: "box", Place: box})
	w.must(err)
	folders := func(scopes ...Scope) (list []string) {
		t.Helper()
		r, err := w.g.Report(t.Context(), ReportQuery{Under: scopes, Folders: true})
		w.must(err)
		var sum Risks
		for _, f := range r.Folders {
			name := w.names(catalog.Copy{Place: f.Place, Path: f.Path})[0]
			list = append(list, name+" "+tally(f.Total)+" "+tally(f.Unmet)+" "+tally(f.Unidentified))
			sum.Total.Files += f.Total.Files
			sum.Unmet.Bytes += f.Unmet.Bytes
			sum.Unidentified.Files += f.Unidentified.Files
		}
		if sum.Total.Files != r.Total.Files || sum.Unmet.Bytes != r.Unmet.Bytes || sum.Unidentified != (Tally{Files: r.Unidentified.Files}) {
			t.Errorf("the folders sum up to %+v, the report says %+v", sum, r.Risks)
		}
		return list
	}
	root := w.names(catalog.Copy{Place: w.here, Path: w.path("")})[0]
	want(t, "folders", folders(), []string{"high 2/200 2/200 1/6", root + " 1/50 1/50 0/0", "s3://box/x 1/20 1/20 0/0", "low 1/1 1/1 0/0"})
	want(t, "folders in scope", folders(w.scope("high")), []string{"high/deep 1/100 1/100 0/0", "high/deeper 1/100 1/100 0/0", "high 0/0 0/0 1/6"})
	want(t, "folders of a file", folders(w.scope("top")), []string{"top 1/50 1/50 0/0"})
}

// What lies in memory, or where nobody gets at it, protects nothing.
func TestReportOfWhatDoesNotLast(t *testing.T) {
	r := newReporter(ReportQuery{}, nil, testAtlas())
	file := func(place catalog.Place, path string) catalog.Copy {
		return catalog.Copy{Place: place, Path: path, File: catalog.File{Size: 1, Proof: catalog.Read, Version: path}}
	}
	content := catalog.Content{Size: 1}
	r.content(content, []catalog.Copy{file("device:laptop", "home/a"), file("device:laptop", "tmp/a")})
	want(t, "with a copy in memory", r.report.Risks, Risks{Total: Tally{2, 2}, OneCopy: Tally{2, 2}, Unmet: Tally{2, 2}})
	r.report = Report{}
	r.content(content, []catalog.Copy{file("device:laptop", "home/a"), file("device:sold", "home/a")})
	want(t, "with a copy on a device that is gone", r.report.Risks, Risks{Total: Tally{1, 1}, OneCopy: Tally{1, 1}, Unmet: Tally{1, 1}})
	r.report = Report{}
	r.content(content, []catalog.Copy{file("device:laptop", "home/a"), file("device:laptop", "mnt/nas/a")})
	want(t, "with a copy on a server", r.report.Risks, Risks{Total: Tally{2, 2}})
	r.report = Report{}
	r.content(content, []catalog.Copy{file("device:laptop", "mnt/nas2/a"), file("device:laptop", "mnt/nas/a")})
	want(t, "with both copies on a server", r.report.Risks, Risks{Total: Tally{2, 2}, OneDevice: Tally{2, 2}, Unmet: Tally{2, 2}})
}
