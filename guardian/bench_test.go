package guardian

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"sd/identity"
	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
)

// BenchmarkGuardian asks a catalog of so many files, of which a tenth have a copy, for
// duplicates and for a report. HeapMB is what is alive after it.
func BenchmarkGuardian(b *testing.B) {
	for _, files := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(files), func(b *testing.B) {
			g := simulated(b, files)
			b.Run("duplicates", func(b *testing.B) {
				for b.Loop() {
					totals, err := g.Duplicates(b.Context(), DuplicateQuery{Limit: 100}, func(Group) error { return nil })
					if err != nil || totals.Groups != int64(files/10) {
						b.Fatal(totals, err)
					}
				}
				reportHeap(b)
			})
			b.Run("report", func(b *testing.B) {
				for b.Loop() {
					r, err := g.Report(b.Context(), ReportQuery{Folders: true})
					if err != nil || r.Total.Files != int64(files) {
						b.Fatal(r.Risks, err)
					}
				}
				reportHeap(b)
			})
			b.Run("protect", func(b *testing.B) {
				for b.Loop() {
					totals, err := g.Protect(b.Context(), ProtectQuery{}, func(Step) error { return nil }, func(Shortfall) error { return nil })
					if err != nil {
						b.Fatal(totals, err)
					}
				}
			})
		})
	}
}

func reportHeap(b *testing.B) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/(1<<20), "sysMB")
}

// simulated is a library with files of this device, 20 in a folder, of which no byte is there.
func simulated(b *testing.B, files int) *Guardian {
	b.Helper()
	lib, err := library.Open(b.Context(), b.TempDir(), "")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { lib.Close() })
	r, err := resolver.New(lib, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Close() })
	here := catalog.DevicePlace(lib.ThisDevice().ID)
	if _, err := lib.AddLocation(b.Context(), library.Location{Name: "sim", Place: here, Path: "sim"}); err != nil {
		b.Fatal(err)
	}
	unique := files - files/10
	for from := 0; from < files; from += 20_000 {
		err := lib.Catalog().Update(b.Context(), func(tx *catalog.Tx) error {
			for dir := from; dir < min(files, from+20_000); dir += 20 {
				folder, err := tx.MakePath(here, fmt.Sprintf("sim/d%d/e%d", dir/10_000, dir))
				if err != nil {
					return err
				}
				list := make([]catalog.File, 20)
				for i := range list {
					list[i] = catalog.File{Name: fmt.Sprintf("some-file-%d.jpg", dir+i), Size: 1000, ModTime: int64(dir + i), Version: identity.LocalVersion(1, uint64(dir+i+1))}
				}
				if err := tx.PutFiles(folder, list); err != nil {
					return err
				}
				for i, f := range list {
					h := identity.New()
					h.Write(binary.BigEndian.AppendUint64(nil, uint64((dir+i)%unique)))
					if _, err := tx.Identify(folder, f.Name, f.FileVersion(), h.Sum(), 0, catalog.Read); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return New(lib, r)
}
