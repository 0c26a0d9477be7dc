//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// servicesBench is the section services: volumes beside each other.
type servicesBench struct {
	*bench
	server *testserver.Server
	served map[string]*netproxy.Faults // by bucket
	starts *grid
	beside *grid
}

// The volumes of the section.
const (
	goodVolume, deadVolume, slowVolume = "good", "dead", "slow"
	besideSize                         = 4 << 10
)

// services measures what a volume costs that nobody uses, and what it costs others when it
// does not answer.
func (b *bench) services(ctx context.Context) ([]*grid, error) {
	x := &servicesBench{bench: b, served: map[string]*netproxy.Faults{}}
	var err error
	if x.server, err = testserver.StartVersitygw(ctx, b.work.path("data")); err != nil {
		return nil, err
	}
	defer func() {
		for _, p := range x.served {
			p.Close()
		}
		_ = x.server.Stop()
	}()
	services := []string{"s3", "wasabi", "spaces", "b2"}
	names := []string{goodVolume, deadVolume, slowVolume}
	for i := len(names); i < 10; i++ {
		names = append(names, fmt.Sprint("volume", i))
	}
	for i, name := range names {
		if err := x.add(ctx, name, services[i%len(services)]); err != nil {
			return nil, err
		}
	}
	if err := x.start(ctx); err != nil {
		return nil, err
	}
	if err := x.neighbours(ctx); err != nil {
		return nil, err
	}
	return []*grid{x.starts, x.beside}, nil
}

// add makes a volume behind a proxy of its own.
func (x *servicesBench) add(ctx context.Context, name, service string) error {
	if name == goodVolume || name == deadVolume || name == slowVolume {
		service = "s3"
	}
	if err := x.server.MakeBucket(ctx, name); err != nil {
		return err
	}
	p, err := netproxy.NewFaults(x.server.URL)
	if err != nil {
		return err
	}
	x.served[name] = p
	_, err = x.sd.run(ctx, "volume", "add-cloud", name, "--service", service, "--bucket", name,
		"--region", testserver.Region, "--endpoint", p.URL())
	return err
}

// start mounts ten volumes, and counts what they were asked.
func (x *servicesBench) start(ctx context.Context) error {
	x.starts = &grid{
		title: "Ten volumes", columns: []string{"sd"},
		about: "`sd mount` with ten volumes of four services, from the start of the command to its end, when the tree can be used.",
	}
	took := x.starts.measure("start to mounted, ms", "≤ 300", atMost(300))
	asked := x.starts.measure("requests to the ten by then", "0", atMost(0))
	for range max(5, x.rounds) {
		for _, p := range x.served {
			p.Forget()
		}
		begin := time.Now()
		m, err := x.sd.mount(ctx)
		if err != nil {
			return err
		}
		took.add("sd", float64(time.Since(begin).Microseconds())/1000)
		n := 0
		for _, p := range x.served {
			n += p.Count("")
		}
		asked.add("sd", float64(n))
		if err := m.end(); err != nil {
			return err
		}
	}
	return nil
}

// The columns of neighbours.
const (
	aloneColumn  = "alone"
	besideColumn = "beside a dead and a slow one"
)

// neighbours reads small files of a good volume, alone and while others wait for volumes that do
// not answer, or answer after two seconds.
func (x *servicesBench) neighbours(ctx context.Context) error {
	files := pick(x.bench, 1500, 300)
	x.beside = &grid{
		title: "A volume beside others that are dead or slow", columns: []string{aloneColumn, besideColumn},
		about: fmt.Sprintf("%d files of 4 KiB of one volume are read, each for the first time, by one reader; meanwhile four programs read from a volume whose server accepts and never answers, and four from one that answers after 2 s.", files),
	}
	within := func(of func(string) float64) bool { return of(besideColumn) <= 1.1*of(aloneColumn) }
	median := x.beside.measure("median of a read, ms", "", nil)
	p99 := x.beside.measure("p99 of a read, ms", "within 10 %", within)
	err := x.server.Fill(ctx, goodVolume, 2*files*x.rounds, func(i int) (string, []byte) { return fmt.Sprintf("d/%06d", i), make([]byte, besideSize) })
	if err != nil {
		return err
	}
	for _, name := range []string{deadVolume, slowVolume} {
		err := x.server.Fill(ctx, name, 100, func(i int) (string, []byte) { return fmt.Sprintf("d/%06d", i), make([]byte, besideSize) })
		if err != nil {
			return err
		}
	}
	m, err := x.sd.mount(ctx)
	if err != nil {
		return err
	}
	defer m.end()
	if _, err := os.ReadDir(filepath.Join(m.dir, "s3", goodVolume, "d")); err != nil {
		return err
	}
	order := rand.Perm(2 * files * x.rounds)
	for range x.rounds {
		for _, column := range x.beside.columns {
			stop := func() {}
			if column == besideColumn {
				stop = x.trouble(m.dir)
			}
			times, err := readTimes(filepath.Join(m.dir, "s3", goodVolume, "d"), order[:files])
			stop()
			if err != nil {
				return err
			}
			order = order[files:]
			median.add(column, times[len(times)/2])
			p99.add(column, times[len(times)*99/100])
		}
	}
	return nil
}

// trouble has programs read from volumes that do not answer, until it is called off.
func (x *servicesBench) trouble(dir string) (stop func()) {
	x.served[deadVolume].Die()
	x.served[slowVolume].Script(netproxy.Rule{Fault: netproxy.Fault{Delay: 2 * time.Second}})
	done := make(chan struct{})
	var readers sync.WaitGroup
	for _, name := range []string{deadVolume, slowVolume} {
		for i := range 4 {
			readers.Go(func() {
				for n := i; ; n++ {
					select {
					case <-done:
						return
					default:
						_, _ = os.ReadFile(filepath.Join(dir, "s3", name, "d", fmt.Sprintf("%06d", n%100)))
					}
				}
			})
		}
	}
	return func() {
		close(done)
		x.served[slowVolume].Script()
		_ = x.served[deadVolume].Serve()
		readers.Wait()
	}
}

// readTimes reads files one after the other, and gives the milliseconds that each took, in order.
func readTimes(dir string, numbers []int) ([]float64, error) {
	times := make([]float64, 0, len(numbers))
	for _, n := range numbers {
		begin := time.Now()
		if _, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%06d", n))); err != nil {
			return nil, err
		}
		times = append(times, float64(time.Since(begin).Microseconds())/1000)
	}
	slices.Sort(times)
	return times, nil
}
