package catalog_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"sd/identity"
	"sd/library"
	"sd/library/catalog"
)

// The benchmarks work on SD_BENCH_FILES files, 100,000 if that is not set, 20 in a folder. Beside
// rows/s they tell rows/cpu-s, which other programs of the machine do not change.
const perFolder = 20

func benchFiles() int {
	if n, err := strconv.Atoi(os.Getenv("SD_BENCH_FILES")); err == nil && n > 0 {
		return n
	}
	return 100_000
}

var words = []string{"report", "IMG", "invoice", "main", "index", "holiday", "notes", "draft", "module", "test"}

// bigFiles makes up the files of a folder, as a tree has them that was copied or unpacked.
func bigFiles(rng *rand.Rand, dir int, list []catalog.File) []catalog.File {
	list = list[:0]
	for i := range perFolder {
		n := dir*perFolder + i
		mtime := int64(1_600_000_000+rng.IntN(160_000_000))*1e9 + int64(rng.IntN(1e9))
		ctime := mtime
		if dir%2 == 0 {
			ctime = 1_760_000_000e9 + int64(n)*20_000
		}
		list = append(list, catalog.File{
			Name: fmt.Sprintf("%s_%07d.%s", words[rng.IntN(len(words))], n, []string{"jpg", "go", "html"}[n%3]),
			Kind: catalog.KindImage, Size: int64(1 + rng.IntN(60_000)), ModTime: mtime,
			Version: identity.LocalVersion(ctime, uint64(1_000_000+n)),
		})
	}
	return list
}

// fill puts n files in, in transactions of some ten thousand, and returns the folders.
func fill(b *testing.B, c *catalog.Catalog, n int) (dirs []catalog.FolderID) {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var list []catalog.File
	var parent catalog.FolderID
	for len(dirs)*perFolder < n {
		if err := c.Update(context.Background(), func(tx *catalog.Tx) error {
			for range 10_000 / perFolder {
				d := len(dirs)
				if d*perFolder >= n {
					break
				}
				var err error
				if d%50 == 0 {
					if parent, err = tx.MakePath("device:bench", fmt.Sprintf("home/ann/project-%d", d/50)); err != nil {
						return err
					}
				}
				dir, err := tx.AddFolder(catalog.Folder{Parent: parent, Name: fmt.Sprintf("folder-%d", d), Version: identity.LocalVersion(1e18+5, uint64(d)), Listed: true})
				if err != nil {
					return err
				}
				list = bigFiles(rng, d, list)
				if err := tx.PutFiles(dir, list); err != nil {
					return err
				}
				dirs = append(dirs, dir)
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	return dirs
}

func newBench(b *testing.B) (*library.Library, *catalog.Catalog) {
	b.Helper()
	l, err := library.Open(context.Background(), b.TempDir(), "")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return l, l.Catalog()
}

// size reports the bytes that an entry takes once the log is written back.
func size(b *testing.B, l *library.Library, n int) {
	b.Helper()
	l.Close()
	var total int64
	files, _ := filepath.Glob(filepath.Join(l.Dir(), "*"))
	for _, name := range files {
		if fi, err := os.Stat(name); err == nil {
			total += fi.Size()
		}
	}
	b.ReportMetric(float64(total)/float64(n), "bytes/entry")
}

func rate(b *testing.B, n int) {
	b.Helper()
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkPutFiles(b *testing.B) {
	n := benchFiles()
	for range b.N {
		b.StopTimer()
		l, c := newBench(b)
		b.StartTimer()
		before := cpu(b)
		fill(b, c, n)
		b.ReportMetric(float64(n)/(cpu(b)-before), "rows/cpu-s")
		b.StopTimer()
		size(b, l, n)
		b.StartTimer()
	}
	rate(b, n)
}

// BenchmarkCompareUnchanged reads folder after folder, as a scan does that finds nothing new.
func BenchmarkCompareUnchanged(b *testing.B) {
	n := benchFiles()
	_, c := newBench(b)
	all := fill(b, c, n)
	before := cpu(b)
	for b.Loop() {
		var have []catalog.File
		files := 0
		for dirs := range slices.Chunk(all, 500) {
			if err := c.Update(context.Background(), func(tx *catalog.Tx) (err error) {
				for _, dir := range dirs {
					if have, err = tx.Files(dir, have); err != nil {
						return err
					}
					for i := range have {
						if have[i].FileVersion() == have[(i+1)%len(have)].FileVersion() {
							return fmt.Errorf("%s is like another", have[i].Name)
						}
					}
					files += len(have)
				}
				return nil
			}); err != nil {
				b.Fatal(err)
			}
		}
		if files != n {
			b.Fatalf("got %d files, want %d", files, n)
		}
	}
	b.ReportMetric(float64(n*b.N)/(cpu(b)-before), "rows/cpu-s")
	rate(b, n)
}

// identifyAll gives every file a content of its own.
func identifyAll(b *testing.B, c *catalog.Catalog, dirs []catalog.FolderID) {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var list []catalog.File
	d := 0
	for chunk := range slices.Chunk(dirs, 10_000/perFolder) {
		if err := c.Update(context.Background(), func(tx *catalog.Tx) error {
			for _, dir := range chunk {
				list = bigFiles(rng, d, list)
				for i := range list {
					var sum identity.Sum
					binary.LittleEndian.PutUint64(sum[:], uint64(d*perFolder+i))
					sum[31] = 1
					ok, err := tx.Identify(dir, list[i].Name, list[i].FileVersion(), sum, 12345678901234567, catalog.Read)
					if err != nil || !ok {
						return fmt.Errorf("identify %s: %v, %w", list[i].Name, ok, err)
					}
				}
				d++
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIdentify(b *testing.B) {
	n := benchFiles()
	for range b.N {
		b.StopTimer()
		l, c := newBench(b)
		dirs := fill(b, c, n)
		b.StartTimer()
		before := cpu(b)
		identifyAll(b, c, dirs)
		b.ReportMetric(float64(n)/(cpu(b)-before), "rows/cpu-s")
		b.StopTimer()
		size(b, l, n)
		b.StartTimer()
	}
	rate(b, n)
}

// BenchmarkEachCopy goes through all contents, each of one file.
func BenchmarkEachCopy(b *testing.B) {
	n := benchFiles()
	_, c := newBench(b)
	identifyAll(b, c, fill(b, c, n))
	for b.Loop() {
		got := 0
		if err := c.EachCopy(b.Context(), func(_ catalog.Content, list []catalog.Copy) error {
			got += len(list)
			return nil
		}); err != nil || got != n {
			b.Fatalf("got %d copies, %v, want %d", got, err, n)
		}
	}
	rate(b, n)
}

// cpu returns the seconds that this process has computed.
func cpu(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
