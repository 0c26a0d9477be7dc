//go:build unix

package identify

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"testing"

	"sd/backends"
	"sd/backends/mem"
	"sd/identity"
	"sd/index"
	"sd/library/catalog"
)

// Without one byte of content: what the library remembers and plain checksums cost no
// request, large objects and uploads in parts one HEAD.
func TestCloudWithoutDownload(t *testing.T) {
	s, faults := newS3(t)
	large := random(9, 12<<20)
	s.onGround(map[string][]byte{
		"a/one.jpg": random(1, 5000), "two": random(2, 70_000), "same size": random(3, 70_000), "large": large,
	})
	one := s.put("copy of one.jpg", random(1, 5000), backends.Meta{})
	s.put("odd//path/one", random(1, 5000), backends.Meta{})
	s.put("two.bin", random(2, 70_000), backends.Meta{})
	s.put("as long as two", random(4, 70_000), backends.Meta{})
	s.put("as long again", random(4, 70_000), backends.Meta{})
	s.put("alone", random(5, 12_345), backends.Meta{})
	mine := s.put("dir/mine", random(6, 4000), backends.Meta{})
	s.put("dir/later", random(6, 4001), backends.Meta{})
	s.put("empty", nil, backends.Meta{})
	up, err := s.store.(backends.Uploader).Upload(t.Context(), "in parts", "", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	var parts []backends.Part
	for off := 0; off < len(large); off += 5 << 20 {
		n := min(5<<20, len(large)-off)
		p, err := up.Part(t.Context(), len(parts)+1, bytes.NewReader(large[off:off+n]), int64(n))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
	}
	if _, err := up.Commit(t.Context(), parts, backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	s.list()
	remember := func(name, version string, sum identity.Sum) {
		data, err := json.Marshal(struct{ Meta backends.Meta }{backends.Meta{BLAKE3: sum.String()}})
		if err != nil {
			t.Fatal(err)
		}
		s.lib.PutFact(s.volume, "dir", name, version, data)
	}
	remember("mine", mine.Version, sumOf(random(6, 4000)))
	remember("later", one.Version, sumOf(random(6, 4000))) // of another version

	faults.Forget()
	rep := s.run(Options{})
	s.wantProven("copy of one.jpg", random(1, 5000), catalog.Checksum)
	s.wantProven("odd//path/one", random(1, 5000), catalog.Checksum)
	s.wantProven("two.bin", random(2, 70_000), catalog.Checksum)
	s.wantProven("dir/mine", random(6, 4000), catalog.Stored)
	s.wantProven("in parts", large, catalog.Checksum)
	for _, name := range []string{"as long as two", "as long again", "alone", "dir/later", "empty"} {
		s.wantUnproven(name)
	}
	if rep.Proven != 5 || rep.Probable != 4 || rep.Files != 9 || rep.Downloaded != 0 || rep.Problems != 0 || rep.Changed != 0 {
		t.Errorf("report is %+v, want 5 of 9 proven, none downloaded", rep)
	}
	if got := faults.Counts(); got["GET"] != 0 || got["HEAD"] != 1 || got["LIST"] > 1 || len(got) > 2 {
		t.Errorf("requests are %v, want one HEAD with its LIST", got)
	}
	if a, b, c := s.hint("as long as two"), s.hint("as long again"), s.hint("alone"); a == 0 || a != b || c == 0 || a == c {
		t.Errorf("hints are %x, %x, %x, want the first two equal", a, b, c)
	}

	// What was computed of local files is kept.
	faults.Forget()
	if rep := s.run(Options{}); rep.Proven != 0 || rep.Bytes != 0 {
		t.Errorf("a second run: %+v, want nothing proven or read", rep)
	}
	if got := faults.Counts(); len(got) != 0 {
		t.Errorf("requests of the second run are %v, want none", got)
	}
}

// A stored sum is asked for where nothing else tells, and only of objects as long as a local file.
func TestCloudAsksOnlyWhatMayHaveATwin(t *testing.T) {
	store := mem.New(mem.Config{})
	s := newSky(t, store)
	s.onGround(map[string][]byte{"f": random(1, 1000)})
	sum := sumOf(random(1, 1000))
	s.put("stored", random(1, 1000), backends.Meta{BLAKE3: sum.String()})
	s.put("other stored", random(2, 1000), backends.Meta{BLAKE3: sumOf(random(2, 1000)).String()})
	s.put("bare", random(1, 1000), backends.Meta{})
	for i := range 50 {
		s.put(fmt.Sprintf("long/%d", i), random(3, 2000+i), backends.Meta{BLAKE3: sum.String()})
	}
	s.list()
	rep := s.run(Options{})
	s.wantProven("stored", random(1, 1000), catalog.Stored)
	s.wantProven("other stored", random(2, 1000), catalog.Stored)
	s.wantUnproven("bare")
	if rep.Proven != 2 || rep.Probable != 51 {
		t.Errorf("report is %+v, want 2 proven, 51 probable", rep)
	}
	if got := store.Stats().Requests; got["HEAD"] != 3 || got["GET"] != 0 {
		t.Errorf("requests are %v, want 3 HEAD and no GET", got)
	}
}

// checked adds a checksum to what Stat says.
type checked struct {
	*mem.Store
	sums map[string]backends.Sum
}

func (c *checked) Stat(ctx context.Context, name string) (backends.Entry, error) {
	e, err := c.Store.Stat(ctx, name)
	if sum, ok := c.sums[name]; ok && err == nil {
		e.Sums = []backends.Sum{sum}
	}
	return e, err
}

// An equal CRC is not enough: the fingerprint must be equal too.
func TestWeakChecksums(t *testing.T) {
	store := &checked{mem.New(mem.Config{}), map[string]backends.Sum{}}
	s := newSky(t, store)
	small, middle, large := random(1, 30_000), random(2, 80_000), random(3, 300_000)
	s.onGround(map[string][]byte{"small": small, "middle": middle, "large": large})
	for name, data := range map[string][]byte{"small": small, "middle": middle, "large": large} {
		crc, err := identity.Checksum(t.Context(), bytes.NewReader(data), int64(len(data)), "crc32c", "")
		if err != nil {
			t.Fatal(err)
		}
		forged := bytes.Clone(data)
		forged[10] ^= 1
		for _, object := range []string{name, "forged " + name} {
			store.sums[object] = backends.Sum{Algorithm: "crc32c", Hex: crc}
		}
		s.put(name, data, backends.Meta{})
		s.put("forged "+name, forged, backends.Meta{})
	}
	s.put("wrong", random(4, 300_000), backends.Meta{})
	store.sums["wrong"] = backends.Sum{Algorithm: "crc32c", Hex: "00000000"}
	s.put("strange", random(4, 300_000), backends.Meta{})
	store.sums["strange"] = backends.Sum{Algorithm: "quickxor", Hex: "00000000"}
	s.list()
	rep := s.run(Options{})
	s.wantProven("small", small, catalog.Checksum)
	s.wantProven("large", large, catalog.Checksum)
	for _, name := range []string{"middle", "forged middle", "forged small", "forged large", "wrong", "strange"} {
		s.wantUnproven(name)
	}
	if want := int64(2*30_000 + 2*identity.PrintSize); rep.Downloaded != want {
		t.Errorf("%d bytes were downloaded, want %d", rep.Downloaded, want)
	}
}

// A local file that is no longer what was proven proves nothing.
func TestStaleCandidates(t *testing.T) {
	store := &checked{mem.New(mem.Config{}), map[string]backends.Sum{}}
	s := newSky(t, store)
	s.onGround(map[string][]byte{"gone/f": random(1, 1000), "kept/f": random(2, 1500)})
	s.write("gone/f", random(3, 1000)) // the catalog does not know
	for _, object := range []struct {
		name string
		data []byte
	}{{"old", random(1, 1000)}, {"new", random(3, 1000)}, {"kept", random(2, 1500)}} {
		sum := md5.Sum(object.data)
		store.sums[object.name] = backends.Sum{Algorithm: "md5", Hex: hex.EncodeToString(sum[:])}
		s.put(object.name, object.data, backends.Meta{})
	}
	s.list()
	s.run(Options{})
	s.wantUnproven("old")
	s.wantUnproven("new")
	s.wantProven("kept", random(2, 1500), catalog.Checksum)
}

func TestDeep(t *testing.T) {
	s, faults := newS3(t)
	s.onGround(map[string][]byte{"f": random(1, 5000)})
	objects := map[string][]byte{"f": random(1, 5000), "large": random(2, 3<<20), "dir/text": []byte("hello\n")}
	for i := range 20 {
		objects[fmt.Sprintf("many/%d", i)] = random(3, 100+i)
	}
	var left int64
	for name, data := range objects {
		s.put(name, data, backends.Meta{})
		if name != "f" {
			left += int64(len(data))
		}
	}
	s.list()
	files, size, err := Estimate(t.Context(), s.cfg, s.loc)
	if err != nil || files != 23 || size != left+5000 {
		t.Errorf("estimate is %d files of %d bytes, %v, want 23 of %d", files, size, err, left+5000)
	}
	s.run(Options{})
	if files, size, err := Estimate(t.Context(), s.cfg, s.loc); err != nil || files != 22 || size != left {
		t.Errorf("estimate after mode content is %d files of %d bytes, %v, want 22 of %d", files, size, err, left)
	}

	// Stopped in the midst of it, the next one fetches what is left.
	stop := errors.New("enough")
	faults.Forget()
	rep, err := Run(t.Context(), s.cfg, s.loc, Options{Deep: true, Workers: 1}, index.Control{Check: func(context.Context) error {
		if faults.Count("GET") >= 8 {
			return stop
		}
		return nil
	}})
	if !errors.Is(err, stop) || rep.Proven == 0 || rep.Proven == 22 {
		t.Errorf("stopped: %+v, %v, want some proven and the reason", rep, err)
	}
	faults.Forget()
	before, _, err := Estimate(t.Context(), s.cfg, s.loc)
	if err != nil {
		t.Fatal(err)
	}
	last := s.run(Options{Deep: true})
	for name, data := range objects {
		if name != "f" {
			s.wantProven(name, data, catalog.Read)
		}
	}
	if last.Proven != before || int64(faults.Count("GET")) != before || last.Proven+rep.Proven != 22 {
		t.Errorf("the second run proved %d by %d GET, the first %d, want %d and %d", last.Proven, faults.Count("GET"), rep.Proven, before, 22-before)
	}
	if _, f := s.find("dir/text"); f.Kind != catalog.KindText {
		t.Errorf("kind of dir/text is %v, want text", f.Kind)
	}
	if last.Downloaded > left || last.Downloaded == 0 {
		t.Errorf("%d bytes were downloaded, want at most %d", last.Downloaded, left)
	}
}

func TestDeepSeesChanges(t *testing.T) {
	store := mem.New(mem.Config{Before: func(_ context.Context, op, name string) error {
		if op == "GET" && name == "forbidden" {
			return iofs.ErrPermission
		}
		return nil
	}})
	s := newSky(t, store)
	for _, name := range []string{"good", "replaced", "removed", "forbidden"} {
		s.put(name, random(1, 1000), backends.Meta{})
	}
	s.list()
	s.put("replaced", random(2, 1000), backends.Meta{})
	if err := store.Remove(t.Context(), "removed", backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	rep := s.run(Options{Deep: true})
	s.wantProven("good", random(1, 1000), catalog.Read)
	for _, name := range []string{"replaced", "removed", "forbidden"} {
		s.wantUnproven(name)
	}
	if rep.Files != 4 || rep.Proven != 1 || rep.Changed != 2 || rep.Problems != 1 {
		t.Errorf("report is %+v, want 1 proven, 2 changed, 1 problem", rep)
	}
	list, _, err := s.lib.Problems(t.Context(), s.loc.ID, 0)
	if err != nil || len(list) != 1 || list[0].Path != "forbidden" {
		t.Errorf("problems are %+v, %v", list, err)
	}
}

func TestOffline(t *testing.T) {
	store := mem.New(mem.Config{Before: func(_ context.Context, op, name string) error {
		if op != "LIST" && op != "PUT" {
			return backends.ErrOffline
		}
		return nil
	}})
	s := newSky(t, store)
	s.onGround(map[string][]byte{"f": random(1, 1000)})
	for i := range 100 {
		s.put(fmt.Sprint(i), random(1, 1000), backends.Meta{})
	}
	s.list()
	for _, o := range []Options{{}, {Deep: true}} {
		rep, err := Run(t.Context(), s.cfg, s.loc, o, index.Control{})
		if !errors.Is(err, backends.ErrOffline) || rep.Problems != 0 {
			t.Errorf("%+v: %+v, %v, want ErrOffline and no problem of a file", o, rep, err)
		}
	}
	if n := store.Stats().Requests["HEAD"]; n > 4*cloudWorkers {
		t.Errorf("%d HEAD to a volume that is offline", n)
	}
}
