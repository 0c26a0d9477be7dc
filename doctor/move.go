package doctor

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"sd/backends"
)

// uploadPrefix begins the names of files that uploads in parts make.
const uploadPrefix = "upload-"

// leastSize is the least that says something about the throughput.
const leastSize = 1 << 20

// mostPart is the largest part that is sent to find out whether parts work.
const mostPart = 8 << 20

func reader(text string) io.ReadSeeker {
	return io.NewSectionReader(stringAt(text), 0, int64(len(text)))
}

type stringAt string

func (s stringAt) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, s[min(off, int64(len(s))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// noise are bytes that nothing makes smaller: one random block, changed a little each time
// that it comes again.
type noise []byte

func newNoise() noise {
	n := make(noise, 1<<20)
	_, _ = rand.Read(n)
	return n
}

// ReadAt reads as much as is asked for: there is no end.
func (n noise) ReadAt(p []byte, off int64) (int, error) {
	const every = 512
	for done := 0; done < len(p); {
		at, round := off%int64(len(n)), byte(off/int64(len(n)))
		k := copy(p[done:], n[at:])
		for i := (every - at%every) % every; i < int64(k); i += every {
			p[done+int(i)] ^= round
		}
		done, off = done+k, off+int64(k)
	}
	return len(p), nil
}

// parts makes a file of two parts, sent in the wrong order, and gives another one up.
func (r *run) parts(ctx context.Context) Row {
	up, ok := r.Backend.(backends.Uploader)
	if !ok {
		return Row{Found: "the service has none that sd could go on with after a kill", Does: "sends files whole when they are closed", Level: OK}
	}
	first := up.Limits().MinPart
	if first > mostPart || first > r.o.Size {
		first = 0 // one part only, of any size
	}
	source := newNoise()
	u, err := r.begin(ctx, uploadPrefix+"parts")
	if err != nil {
		return r.failed(err, "sends files whole")
	}
	var sent []backends.Part
	for num := 2; num >= 1; num-- {
		n, off := int64(1000), first
		if num == 1 {
			n, off = first, 0
		}
		if n == 0 {
			continue
		}
		part, err := u.Part(ctx, num, io.NewSectionReader(source, off, n), n)
		if err != nil {
			return r.failed(err, "fails at close and tries again; the bytes are kept here")
		}
		sent = append(sent, part)
	}
	e, err := u.Commit(ctx, sent, backends.Cond{})
	if err != nil {
		return r.failed(err, "fails at close and tries again; the bytes are kept here")
	}
	want := make([]byte, 1000)
	_, _ = source.ReadAt(want, first)
	got, err := r.get(ctx, uploadPrefix+"parts", e.Version, first, -1)
	if err != nil {
		return r.failed(err, "")
	}
	if e.Size != first+1000 || got != string(want) {
		return Row{Found: "the file is another than the parts that were sent", Does: "nothing can be done: do not use this store", Level: Fail}
	}
	given, err := r.begin(ctx, uploadPrefix+"given-up")
	if err == nil {
		_, err = given.Part(ctx, 1, reader(hello), int64(len(hello)))
	}
	if err == nil {
		err = given.Abort(ctx)
	}
	if err != nil {
		return Row{Found: "works, but an upload cannot be given up: " + text(err), Does: "tries again at the next mount; what is left of it costs", Level: Warn}
	}
	return Row{Found: "work, in any order" + r.tagOf(ctx, source, first), Level: OK}
}

// tagOf says whether the checksum of a file of two parts is one.
func (r *run) tagOf(ctx context.Context, source noise, first int64) string {
	e, err := r.Stat(ctx, r.at(uploadPrefix+"parts"))
	if err != nil || first == 0 {
		return ""
	}
	all := make([]byte, first+1000)
	_, _ = source.ReadAt(all, 0)
	one, two := md5.Sum(all[:first]), md5.Sum(all[first:])
	joined := md5.Sum(append(one[:], two[:]...))
	for _, s := range e.Sums {
		if s.Algorithm != "etag-multipart" {
			continue
		}
		if s.Hex == hex.EncodeToString(joined[:])+"-2" {
			return "; their tag is a checksum"
		}
		return "; their tag is no checksum, and proves nothing"
	}
	return ""
}

// copiesOfParts makes a part of another file, inside the store.
func (r *run) copiesOfParts(ctx context.Context) Row {
	const does = "fetches and sends those bytes when a part of a large file is changed"
	e, err := r.putPlain(ctx, "to copy from", hello)
	if err != nil {
		return r.failed(err, "")
	}
	u, err := r.begin(ctx, uploadPrefix+"copied")
	if err != nil {
		return r.failed(err, "")
	}
	part, err := u.CopyPart(ctx, 1, r.at("to copy from"), e.Version, 4, 5)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return Row{Found: "not possible", Does: does, Level: Warn}
	case err != nil:
		return r.failed(err, does)
	}
	if _, err := u.Commit(ctx, []backends.Part{part}, backends.Cond{}); err != nil {
		return r.failed(err, does)
	}
	if got, err := r.get(ctx, uploadPrefix+"copied", "", 0, -1); err != nil || got != hello[4:9] {
		return Row{Found: "the part is another than what was to be copied", Does: "nothing can be done: do not use this store", Level: Fail}
	}
	return Row{Found: "inside the store", Level: OK}
}

// big is the name of the file that the throughput is measured with.
const big = "big"

// up measures how fast bytes are sent.
func (r *run) up(ctx context.Context) Row {
	n := r.o.Size
	if u, ok := r.Backend.(backends.Uploader); ok {
		n = min(n, u.Limits().MaxPut)
	}
	source := newNoise()
	defer r.watch("throughput up", n, func(s backends.Stats) int64 { return s.BytesOut })()
	began := time.Now()
	_, err := r.putter().Put(ctx, r.note(big), io.NewSectionReader(source, 0, n), n, backends.Meta{}, backends.Cond{})
	if err != nil {
		return r.failed(err, "fails at close and tries again; the bytes are kept here")
	}
	took := time.Since(began)
	r.noise, r.bigSize = source, n
	return Row{Found: fmt.Sprintf("%s, %s in %s over one connection", rate(n, took), size(n), brief(took)), Level: OK}
}

// streams is how many ranges of a file are read at once, as the mount does.
const streams = 4

// down measures how fast bytes are fetched, in one stream and in several, and compares them.
func (r *run) down(ctx context.Context) Row {
	n := r.bigSize
	if n == 0 {
		return Row{} // nothing was sent
	}
	defer r.watch("throughput down", 2*n, func(s backends.Stats) int64 { return s.BytesIn })()
	began := time.Now()
	if err := r.same(ctx, 0, n); err != nil {
		return r.failed(err, "")
	}
	one := time.Since(began)
	began = time.Now()
	results := make([]error, streams)
	var all sync.WaitGroup
	for i := range int64(streams) {
		all.Go(func() {
			from, to := n*i/streams, n*(i+1)/streams
			results[i] = r.same(ctx, from, to-from)
		})
	}
	all.Wait()
	if err := errors.Join(results...); err != nil {
		return r.failed(err, "")
	}
	many := time.Since(began)
	return Row{Found: fmt.Sprintf("%s over one connection, %s over %d", rate(n, one), rate(n, many), streams), Level: OK}
}

// same reads a range of the big file and compares it with what was sent.
func (r *run) same(ctx context.Context, off, n int64) error {
	body, _, err := r.Get(ctx, r.at(big), "", off, n)
	if err != nil {
		return err
	}
	defer body.Close()
	got, want := make([]byte, 256<<10), make([]byte, 256<<10)
	for n > 0 {
		part := got[:min(n, int64(len(got)))]
		if _, err := io.ReadFull(body, part); err != nil {
			return err
		}
		_, _ = r.noise.ReadAt(want[:len(part)], off)
		if string(part) != string(want[:len(part)]) {
			return errors.New("the bytes are others than those that were sent")
		}
		off, n = off+int64(len(part)), n-int64(len(part))
	}
	return nil
}

// watch tells the progress of moving n bytes until the function that it returns is called.
func (r *run) watch(what string, n int64, moved func(backends.Stats) int64) (stop func()) {
	counter, ok := r.Backend.(backends.Counter)
	if !ok || r.o.Progress == nil {
		return func() {}
	}
	before := moved(counter.Stats())
	done := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.progress(what, min(n, moved(counter.Stats())-before), n)
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		all.Wait()
	}
}
