//go:build linux

package actions

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/actions/steps"
	"sd/identity"
	"sd/internal/testserver"
	"sd/library"
	"sd/library/catalog"
)

var (
	crashRounds = flag.Int("crash.rounds", 2, "how often each pair of stores is cut off by kill -9")
	crashSeed   = flag.Uint64("crash.seed", 0, "where the randomness begins; 0: anywhere")
)

// A job that is killed at any moment goes on where it was: in the end the target is the
// source, byte for byte and file for file, nothing unfinished lies about, and the log is true.
func TestKilled(t *testing.T) {
	t.Parallel()
	seed := *crashSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	for i, from := range []string{"local", "s3", "content"} {
		for j, to := range []string{"local", "s3"} {
			t.Run(from+" to "+to, func(t *testing.T) {
				t.Parallel()
				t.Logf("-crash.seed %d", seed)
				c := newCrash(t, from, to, rand.New(rand.NewPCG(seed, uint64(i*2+j))))
				for turn := 0; c.kills < *crashRounds; turn++ {
					c.turn(turn)
				}
			})
		}
	}
}

// A move that is killed at any moment has each file on one side at least, and in the end on
// the other alone.
func TestMoveKilled(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	server := testserver.Versitygw(t, "target")
	data := t.TempDir()
	w := newWorld(t, data, server.URL, "target")
	usual := 300 * time.Millisecond
	for turn := range max(1, *crashRounds/4) {
		src, target := filepath.Join(t.TempDir(), "src"), fmt.Sprintf("s3://target/%d", turn)
		files := small(200)
		makeTree(t, src, files)
		must(t, os.MkdirAll(src, 0o755))
		job := w.committed(t, src, target, true)
		for range 5 {
			if !start(t, data, server.URL, job.ID).kill(time.Duration(r.Int64N(int64(usual)))) {
				break
			}
			there, here := bucketOf(t, server, "target", fmt.Sprint(turn, "/")), treeOf(t, src)
			for name, text := range files {
				if here[name] != text && there[name] != text {
					t.Fatalf("%s is nowhere: %q here, %q there", name, here[name], there[name])
				}
			}
		}
		if now, err := w.lib.Job(t.Context(), job.ID); err != nil || !now.State.Ended() {
			must(t, err)
			_, err = w.Run(t.Context(), job, nil)
			must(t, err)
		}
		equal(t, bucketOf(t, server, "target", fmt.Sprint(turn, "/")), files)
		if left := treeOf(t, src); len(left) > 0 {
			t.Errorf("%v is left", left)
		}
		if o, ok := Decode(w.audit(t, job.ID)); !ok || o.Copied.Files != 200 || o.Moved.Files != 200 {
			t.Errorf("the log has %+v", o)
		}
	}
}

// crash is one pair of stores.
type crash struct {
	t        *testing.T
	rand     *rand.Rand
	bytes    *rand.ChaCha8
	data     string
	server   *testserver.Server
	w        *world
	from, to string
	files    map[string]string
	usual    time.Duration // that a run takes
	kills    int
}

func newCrash(t *testing.T, from, to string, r *rand.Rand) *crash {
	c := &crash{t: t, rand: r, bytes: rand.NewChaCha8([32]byte{byte(r.Uint32())}), data: t.TempDir(), from: from, to: to, usual: time.Second}
	endpoint := ""
	if from == "s3" || to == "s3" {
		c.server = testserver.Versitygw(t, "source", "target")
		endpoint = c.server.URL
	}
	c.w = newWorld(t, c.data, endpoint, "source", "target")
	large := 8<<20 + 1 // two parts
	if *crashRounds > 2 {
		large = 17<<20 + 1
	}
	c.files = map[string]string{"large": c.text(large), "empty": ""}
	for i := range 40 {
		c.files[fmt.Sprintf("dir %d/file %d", i%5, i)] = c.text(c.rand.IntN(40_000))
	}
	return c
}

func (c *crash) text(n int) string {
	b := make([]byte, n)
	_, _ = c.bytes.Read(b)
	return string(b)
}

// turn runs one job through some crashes.
func (c *crash) turn(n int) {
	t := c.t
	source, target := c.places(n)
	job := c.job(source, target)
	for kills := 0; ; {
		p := start(t, c.data, c.endpoint(), job.ID)
		if kills < min(5, *crashRounds) && c.usual > 0 && n > 0 {
			if !p.kill(time.Duration(c.rand.Int64N(int64(c.usual)))) {
				break
			}
			kills++
			c.kills++
			now, err := c.w.lib.Job(t.Context(), job.ID)
			must(t, err)
			if now.State == library.Done {
				break // it was killed behind the end of the job
			}
			continue
		}
		began := time.Now()
		if said, err := p.end(); err != nil || said != "end" {
			t.Errorf("the job ended with %q, %v", said, err)
		}
		if n == 0 {
			c.usual = time.Since(began)
		}
		break
	}
	c.check(job, target)
}

func (c *crash) endpoint() string {
	if c.server == nil {
		return ""
	}
	return c.server.URL
}

// places makes the source, once, and names a new target.
func (c *crash) places(n int) (source, target string) {
	t := c.t
	dir := filepath.Join(c.data, "..", fmt.Sprint("files of ", filepath.Base(c.data)))
	source = filepath.Join(dir, "source")
	if c.from == "s3" {
		source = "s3://source/below"
	}
	if n == 0 {
		if c.from == "s3" {
			for name, text := range c.files {
				c.server.MustPut(t, "source", "below/"+name, text)
			}
		} else {
			makeTree(t, source, c.files)
		}
	}
	if c.to == "s3" {
		return source, fmt.Sprintf("s3://target/%d/below", n)
	}
	target = filepath.Join(dir, fmt.Sprint("target ", n))
	must(t, os.MkdirAll(target, 0o755))
	return source, target
}

// job commits the copy.
func (c *crash) job(source, target string) library.Job {
	t := c.t
	if c.from != "content" {
		from := arg(source)
		from.Slash = true
		d, err := c.w.Plan(t.Context(), steps.Spec{Action: steps.Copy, Options: steps.Options{Recursive: true},
			Sources: []steps.Source{from}, Target: arg(target)}, nil)
		must(t, err)
		job, err := d.Commit(t.Context(), false)
		must(t, err)
		return job
	}
	d := c.w.planned(t, steps.Spec{Action: steps.Copy}, "content://00000000-0000-0000-0000-000000000000", target, func(p *writer) error {
		for name, text := range c.files {
			if text == "" {
				continue // nothing has no identity
			}
			id := c.know(filepath.Join(source, name), text)
			e, err := p.from.Stat(t.Context(), id)
			if err != nil {
				return err
			}
			if dir := filepath.Dir(name); dir != "." {
				if _, err := p.Add(steps.Step{Op: steps.OpMkdir, To: p.there(dir)}); err != nil {
					return err
				}
			}
			if _, err := p.Add(p.copyOf(&e, name)); err != nil {
				return err
			}
		}
		return nil
	})
	job, err := d.Commit(t.Context(), false)
	must(t, err)
	return job
}

// know has the catalog know what a local file holds, and returns the id of that.
func (c *crash) know(path, text string) string {
	t := c.t
	sum, print, err := identity.File(t.Context(), strings.NewReader(text), int64(len(text)), nil)
	must(t, err)
	st, _ := c.w.at(t, path)
	e, err := st.Stat(t.Context(), path)
	must(t, err)
	place, rel, err := c.w.resolver.Placed(st.URI(path))
	must(t, err)
	f := catalog.File{Name: filepath.Base(rel), Size: e.Size, ModTime: e.ModTime.UnixNano(), Version: identity.LocalVersion(e.Changed, e.Inode)}
	must(t, c.w.lib.Catalog().Update(t.Context(), func(tx *catalog.Tx) error {
		folder, err := tx.MakePath(place, filepath.Dir(rel))
		if err != nil {
			return err
		}
		if err := tx.PutFile(folder, &f); err != nil {
			return err
		}
		_, err = tx.Identify(folder, f.Name, f.FileVersion(), sum, print, catalog.Read)
		return err
	}))
	return sum.ContentID().String()
}

// isProbe tells whether a key is that of the backend's own question to the server, which a
// later one tidies up after.
func isProbe(key string) bool { return strings.HasPrefix(key, ".sd-probe-") }

// check looks at all that a job that has ended may leave.
func (c *crash) check(job library.Job, target string) {
	t := c.t
	t.Helper()
	want := make(map[string]string)
	for name, text := range c.files {
		if c.from != "content" || text != "" {
			want[name] = text
		}
	}
	if c.to == "s3" {
		equal(t, bucketOf(t, c.server, "target", strings.TrimPrefix(target, "s3://target/")+"/"), want)
		uploads, err := c.server.Uploads(context.Background(), "target")
		must(t, err)
		uploads = slices.DeleteFunc(uploads, isProbe)
		if len(uploads) > 0 {
			t.Errorf("uploads of %q were begun and never ended", uploads)
		}
		for _, key := range c.server.Keys(t, "target", "") {
			if strings.Contains(key, ".sd-") && !isProbe(key) {
				t.Errorf("%s is left behind", key)
			}
		}
	} else {
		equal(t, treeOf(t, target), want)
		must(t, filepath.WalkDir(filepath.Dir(target), func(path string, _ fs.DirEntry, err error) error {
			if strings.Contains(filepath.Base(path), ".sd-") {
				t.Errorf("%s is left behind", path)
			}
			return err
		}))
	}
	a := c.w.audit(t, job.ID)
	o, ok := Decode(a)
	if !ok || a.State != library.Done || o.Copied.Files != int64(len(want)) || o.Failed+o.Left+o.Skipped != 0 {
		t.Errorf("the log has %+v of job %d, want %d files copied", a, job.ID, len(want))
	}
	if got := c.w.states(t, job.ID); got["failed"]+got["begun"]+got[""] > 0 {
		t.Errorf("the journal has %v, want that all is done", got)
	}
	if t.Failed() {
		t.Fatalf("after %d kills", c.kills)
	}
	if c.to != "s3" {
		must(t, os.RemoveAll(target))
		return
	}
	for _, key := range c.server.Keys(t, "target", "") {
		must(t, c.server.Delete(t.Context(), "target", key))
	}
}
