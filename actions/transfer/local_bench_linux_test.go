package transfer_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sd/actions/stores"
	"sd/actions/transfer"
)

// manyFiles makes 10,000 files of 16 KiB in 100 folders.
func (d *disk) manyFiles() (list []stores.Entry) {
	for i := range 10_000 {
		name := fmt.Sprintf("d%02d/f%02d", i/100, i%100)
		if i%100 == 0 {
			d.must(os.Mkdir(filepath.Join(d.src, filepath.Dir(name)), 0o755))
		}
		list = append(list, d.entry(d.file(name, noise(16<<10, byte(i)))))
	}
	return list
}

// BenchmarkLocalSmall copies 10,000 files of 16 KiB; "cp" is cp -a of the same.
func BenchmarkLocalSmall(b *testing.B) {
	d := newDisk(b, transfer.Config{})
	list := d.manyFiles()
	round := 0
	fresh := func() string {
		round++
		dst := filepath.Join(d.dst, fmt.Sprint("n", round))
		d.must(os.Mkdir(dst, 0o755))
		return dst
	}
	for _, workers := range []int{1, 2, 4} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			for b.Loop() {
				dst := fresh()
				for i := range 100 {
					d.must(os.Mkdir(fmt.Sprintf("%s/d%02d", dst, i), 0o755))
				}
				var wg sync.WaitGroup
				next := make(chan int, 64)
				for range workers {
					wg.Go(func() {
						for i := range next {
							task := transfer.Task{
								From: d.local, Source: list[i], To: d.local, Absent: true, Unique: fmt.Sprint("b-", round, "-", i),
								Name: dst + strings.TrimPrefix(list[i].Name, d.src), Root: dst,
							}
							if _, err := d.Copy(context.Background(), task); err != nil {
								b.Error(err)
							}
						}
					})
				}
				for i := range list {
					next <- i
				}
				close(next)
				wg.Wait()
			}
		})
	}
	b.Run("cp", func(b *testing.B) {
		for b.Loop() {
			d.must(exec.Command("cp", "-a", d.src, fresh()).Run())
		}
	})
}

// BenchmarkLocalLarge copies one file of 1 GiB; "cp" is cp -a of the same.
func BenchmarkLocalLarge(b *testing.B) {
	d := newDisk(b, transfer.Config{})
	from := filepath.Join(d.src, "big")
	f, err := os.Create(from)
	d.must(err)
	for i := range 64 {
		_, err := f.Write(noise(16<<20, byte(i)))
		d.must(err)
	}
	d.must(f.Close())
	e := d.entry(from)
	to := filepath.Join(d.dst, "big")
	b.Run("sd", func(b *testing.B) {
		b.SetBytes(1 << 30)
		for b.Loop() {
			_, err := d.Copy(context.Background(), transfer.Task{From: d.local, Source: e, To: d.local, Name: to, Absent: true, Unique: "b"})
			d.must(err)
			d.must(os.Remove(to))
		}
	})
	b.Run("cp", func(b *testing.B) {
		b.SetBytes(1 << 30)
		for b.Loop() {
			d.must(exec.Command("cp", "-a", from, to).Run())
			d.must(os.Remove(to))
		}
	})
}
