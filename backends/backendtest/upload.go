package backendtest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"strings"
	"sync"
	"time"

	"sd/backends"
)

// uploading is an upload of one subtest.
type uploading struct {
	*store
	backends.Upload
	name string
}

func (s *store) uploader() backends.Uploader { return s.Backend.(backends.Uploader) }

func (s *store) begin(name string, m backends.Meta) *uploading {
	s.Helper()
	u, err := s.uploader().Upload(s.ctx(), name, "", m)
	if err != nil {
		s.Fatalf("Upload(%q): %v", name, err)
	}
	if u.ID() == "" {
		s.Fatalf("Upload(%q) has no id", name)
	}
	return &uploading{s, u, name}
}

// send makes a part of content.
func (u *uploading) send(num int, content string) backends.Part {
	u.Helper()
	r := strings.NewReader(content)
	p, err := u.Part(u.ctx(), num, r, r.Size())
	if err != nil {
		u.Fatalf("Part(%d) of %q: %v", num, u.name, err)
	}
	if p.Num != num || p.Size != r.Size() || p.Tag == "" {
		u.Errorf("Part(%d) of %q is %+v", num, u.name, p)
	}
	return p
}

// copyPart makes a part of another file, or skips the test where the server cannot.
func (u *uploading) copyPart(num int, src, version string, off, n int64) backends.Part {
	u.Helper()
	p, err := u.CopyPart(u.ctx(), num, src, version, off, n)
	if errors.Is(err, errors.ErrUnsupported) {
		u.Skip("the server behind this store copies no parts")
	}
	if err != nil {
		u.Fatalf("CopyPart(%d) of %q: %v", num, u.name, err)
	}
	if p.Num != num || p.Size != n || p.Tag == "" {
		u.Errorf("CopyPart(%d) of %q is %+v", num, u.name, p)
	}
	return p
}

// commit makes the file and checks what it says of it.
func (u *uploading) commit(c backends.Cond, parts ...backends.Part) backends.Entry {
	u.Helper()
	e, err := u.Commit(u.ctx(), parts, c)
	if err != nil {
		u.Fatalf("Commit of %q: %v", u.name, err)
	}
	size := int64(0)
	for _, p := range parts {
		size += p.Size
	}
	if at := u.stat(u.name); e.Name != u.name || e.Size != size || e.Version != at.Version || at.Size != size {
		u.Errorf("Commit of %q says %+v, Stat %+v; want %d bytes", u.name, e, at, size)
	}
	return e
}

// whole is a part's content of the smallest size that need not be the last.
func (s *store) whole(fill string) string {
	size := cmp.Or(s.opts.WholePart, s.uploader().Limits().MinPart, 1)
	return strings.Repeat(fill, int(size)/len(fill)+1)
}

var uploadTests = []test{
	{"Limits", offers[backends.Uploader], func(s *store) {
		l := s.uploader().Limits()
		if l.MinPart < 0 || l.MaxPart < max(l.MinPart, 1) || l.MaxParts < 1 || l.MaxPut < 1 {
			s.Errorf("got %+v", l)
		}
	}},
	{"PartsInAnyOrder", offers[backends.Uploader], func(s *store) {
		u := s.begin("d/file", backends.Meta{})
		contents := []string{s.whole("first "), s.whole("second "), "the last"}
		parts := make([]backends.Part, 3)
		var all sync.WaitGroup
		for i := range contents {
			all.Go(func() {
				r := strings.NewReader(contents[2-i])
				p, err := u.Part(s.ctx(), 3-i, r, r.Size())
				if err != nil {
					s.Errorf("Part: %v", err)
				}
				parts[i] = p
			})
		}
		all.Wait()
		u.commit(backends.Cond{}, parts...)
		s.wantFile("d/file", strings.Join(contents, ""))
	}},
	{"GapsInTheNumbers", offers[backends.Uploader], func(s *store) {
		u := s.begin("file", backends.Meta{})
		last, first := u.send(9, "z"), u.send(4, s.whole("a"))
		u.commit(backends.Cond{}, first, last)
		s.wantFile("file", s.whole("a")+"z")
	}},
	{"OnePartOfAnySize", offers[backends.Uploader], func(s *store) {
		for _, content := range []string{"x", s.whole("x")} {
			u := s.begin("file", backends.Meta{})
			u.commit(backends.Cond{}, u.send(1, content))
			s.wantFile("file", content)
		}
	}},
	{"InvisibleBeforeCommit", offers[backends.Uploader], func(s *store) {
		s.seed("d/old", "old")
		for _, name := range []string{"d/new", "d/old"} {
			u := s.begin(name, backends.Meta{})
			u.send(1, "content")
		}
		s.wantList("d", "old")
		s.wantFile("d/old", "old")
		s.wantAbsent("d/new")
	}},
	{"ReplacedPart", offers[backends.Uploader], func(s *store) {
		u := s.begin("file", backends.Meta{})
		u.send(1, s.whole("bad"))
		u.send(2, "worse")
		first, second := u.send(1, s.whole("good")), u.send(2, "better")
		u.commit(backends.Cond{}, first, second)
		s.wantFile("file", s.whole("good")+"better")
	}},
	{"FromTheSourcesOffset", offers[backends.Uploader], func(s *store) {
		r := strings.NewReader("skipped content and more")
		if _, err := r.Seek(8, io.SeekStart); err != nil {
			s.Fatal(err)
		}
		u := s.begin("file", backends.Meta{})
		p, err := u.Part(s.ctx(), 1, r, 7)
		if err != nil {
			s.Fatal(err)
		}
		u.commit(backends.Cond{}, p)
		s.wantFile("file", "content")
	}},
	{"BrokenSourceIsNoPart", offers[backends.Uploader], func(s *store) {
		u := s.begin("file", backends.Meta{})
		for _, end := range []error{errors.New("disk on fire"), io.EOF} {
			r := &brokenSource{strings.NewReader(Pattern(1 << 20)), end}
			_, err := u.Part(s.ctx(), 1, r, 2<<20)
			var pathErr *iofs.PathError
			if !errors.As(err, &pathErr) || pathErr.Path != "file" {
				s.Errorf("source ends with %v: got error %v, want a *fs.PathError", end, err)
			}
		}
		u.commit(backends.Cond{}, u.send(1, "good"))
		s.wantFile("file", "good")
	}},
	{"GoesOnByItsID", offers[backends.Uploader], func(s *store) {
		began := s.begin("d/file", backends.Meta{})
		first := began.send(1, s.whole("a"))
		text, err := json.Marshal(first)
		if err != nil {
			s.Fatal(err)
		}
		again, err := s.uploader().Upload(s.ctx(), "d/file", began.ID(), backends.Meta{})
		if err != nil {
			s.Fatal(err)
		}
		if again.ID() != began.ID() {
			s.Errorf("the id was %q, is %q", began.ID(), again.ID())
		}
		u, kept := &uploading{s, again, "d/file"}, backends.Part{}
		if err := json.Unmarshal(text, &kept); err != nil {
			s.Fatal(err)
		}
		u.commit(backends.Cond{}, kept, u.send(2, "b"))
		s.wantFile("d/file", s.whole("a")+"b")
	}},
	{"Abort", offers[backends.Uploader], func(s *store) {
		before := s.begin("file", backends.Meta{})
		before.commit(backends.Cond{}, before.send(1, "old"))
		u := s.begin("file", backends.Meta{})
		part := u.send(1, "new")
		for range 2 {
			if err := u.Abort(s.ctx()); err != nil {
				s.Errorf("Abort: %v", err)
			}
		}
		_, err := u.Commit(s.ctx(), []backends.Part{part}, backends.Cond{})
		s.wantErr("Commit", "file", err, backends.ErrNoUpload)
		_, err = u.Part(s.ctx(), 1, strings.NewReader("x"), 1)
		s.wantErr("Part", "file", err, backends.ErrNoUpload)
		s.wantFile("file", "old")
	}},
	{"CommittedTwice", offers[backends.Uploader], func(s *store) {
		u := s.begin("file", backends.Meta{})
		part := u.send(1, "content")
		first := u.commit(backends.Cond{Absent: !s.opts.WeakCond}, part)
		// As if the answer to the first had been lost.
		second, err := u.Commit(s.ctx(), []backends.Part{part}, backends.Cond{Absent: true})
		if err != nil || second.Version != first.Version {
			s.Errorf("the second commit says %+v, %v; want version %q", second, err, first.Version)
		}
		if err := u.Abort(s.ctx()); err != nil {
			s.Errorf("Abort: %v", err)
		}
		s.wantFile("file", "content")
		s.seed("file", "of somebody else")
		if third, err := u.Commit(s.ctx(), []backends.Part{part}, backends.Cond{}); err != nil {
			s.wantErr("Commit", "file", err, backends.ErrNoUpload)
		} else if third.Version != first.Version {
			s.Errorf("the third commit says %+v, want an error or what the first made", third)
		}
		s.wantFile("file", "of somebody else")
	}},
	{"CopyPart", offers[backends.Uploader], func(s *store) {
		src := s.whole("0123456789")
		s.seed("src", src)
		version, cut := s.stat("src").Version, int64(len(src))/2
		u := s.begin("dst", backends.Meta{})
		head := u.send(1, s.whole("head"))
		tail := u.copyPart(2, "src", version, cut, 1000)
		u.commit(backends.Cond{}, head, tail)
		s.wantFile("dst", s.whole("head")+src[cut:cut+1000])
		s.wantFile("src", src)
	}},
	{"CopyPartOfItself", offers[backends.Uploader], func(s *store) {
		s.seed("file", s.whole("old"))
		old := s.stat("file")
		u := s.begin("file", backends.Meta{})
		first := u.copyPart(1, "file", old.Version, 0, old.Size)
		cond := backends.Cond{}
		if !s.opts.WeakCond {
			cond.Version = old.Version
		}
		u.commit(cond, first, u.send(2, "and new"))
		s.wantFile("file", s.whole("old")+"and new")
	}},
	{"CopyPartOfAnotherVersion", offers[backends.Uploader], func(s *store) {
		s.seed("src", "old content")
		stale := s.stat("src").Version
		s.seed("src", "new content")
		u := s.begin("dst", backends.Meta{})
		u.copyPart(1, "src", s.stat("src").Version, 0, 5)
		_, err := u.CopyPart(s.ctx(), 1, "src", stale, 0, 5)
		s.wantErr("CopyPart", "src", err, backends.ErrChanged)
		_, err = u.CopyPart(s.ctx(), 1, "none", stale, 0, 5)
		s.wantErr("CopyPart", "none", err, backends.ErrChanged, iofs.ErrNotExist)
	}},
	{"FindUploads", offers[backends.UploadFinder], func(s *store) {
		finder := s.Backend.(backends.UploadFinder)
		find := func(name string, want int) []backends.Begun {
			s.Helper()
			list, err := finder.FindUploads(s.ctx(), name)
			if err != nil || len(list) != want {
				s.Fatalf("FindUploads(%q) = %+v, %v, want %d", name, list, err, want)
			}
			return list
		}
		find("d/a b", 0)
		s.begin("d/a b", backends.Meta{})
		s.begin("d/a bc", backends.Meta{})
		u := s.begin("d/a b", backends.Meta{})
		u.send(1, "content")
		parts := 0
		for _, begun := range find("d/a b", 2) {
			if age := time.Since(begun.At); age > time.Hour || age < -time.Hour {
				s.Errorf("one is said to have been begun at %v", begun.At)
			}
			parts += begun.Parts
			again, err := s.uploader().Upload(s.ctx(), "d/a b", begun.ID, backends.Meta{})
			if err == nil {
				err = again.Abort(s.ctx())
			}
			if err != nil {
				s.Error(err)
			}
		}
		if parts != 1 {
			s.Errorf("%d parts are said to have arrived, want 1", parts)
		}
		find("d/a b", 0)
		find("d/a bc", 1)
	}},
	{"CondAbsent", offers[backends.Uploader], func(s *store) {
		u := s.begin("file", backends.Meta{})
		part := u.send(1, "content")
		s.seed("file", "of somebody else")
		_, err := u.Commit(s.ctx(), []backends.Part{part}, backends.Cond{Absent: true})
		s.wantErr("Commit", "file", err, iofs.ErrExist)
		s.wantFile("file", "of somebody else")
		// The upload is still there.
		u.commit(backends.Cond{Version: s.stat("file").Version}, part)
		s.wantFile("file", "content")
	}},
	{"CondVersion", offers[backends.Uploader], func(s *store) {
		s.seed("file", "first")
		stale := s.stat("file").Version
		u := s.begin("file", backends.Meta{})
		part := u.send(1, "content")
		s.seed("file", "second")
		_, err := u.Commit(s.ctx(), []backends.Part{part}, backends.Cond{Version: stale})
		s.wantErr("Commit", "file", err, backends.ErrChanged)
		s.wantFile("file", "second")
		u.commit(backends.Cond{Version: s.stat("file").Version}, part)
		gone := s.begin("gone", backends.Meta{})
		_, err = gone.Commit(s.ctx(), []backends.Part{gone.send(1, "x")}, backends.Cond{Version: stale})
		s.wantErr("Commit", "gone", err, backends.ErrChanged)
		s.wantAbsent("gone")
	}},
	{"OneOfManyCommitsWins", offers[backends.Uploader], func(s *store) {
		s.conditions()
		const n = 4
		uploads, parts := make([]*uploading, n), make([]backends.Part, n)
		for i := range n {
			uploads[i] = s.begin("file", backends.Meta{})
			parts[i] = uploads[i].send(1, fmt.Sprint("by writer ", i))
		}
		won := s.race(n, func(i int) error {
			_, err := uploads[i].Commit(s.ctx(), parts[i:i+1], backends.Cond{Absent: true})
			return err
		}, iofs.ErrExist)
		if won != 1 {
			s.Errorf("%d of %d commits made the file, want 1", won, n)
		}
	}},
	{"OverDirectory", offers[backends.Uploader], func(s *store) {
		if _, err := s.uploader().Upload(s.ctx(), "", "", backends.Meta{}); err == nil {
			s.Error("an upload of the root was begun")
		}
		if s.opts.FileAndDir {
			s.Skip("a name may be both")
		}
		s.seed("dir/in", "x")
		u, err := s.uploader().Upload(s.ctx(), "dir", "", backends.Meta{})
		if err == nil {
			var part backends.Part
			if part, err = u.Part(s.ctx(), 1, strings.NewReader("x"), 1); err == nil {
				_, err = u.Commit(s.ctx(), []backends.Part{part}, backends.Cond{})
			}
		}
		if err == nil {
			s.Error("a file was made over a directory")
		}
		s.wantFile("dir/in", "x")
	}},
	{"OddNames", offers[backends.Uploader], func(s *store) {
		for _, name := range s.oddNames() {
			u := s.begin("d/"+name, backends.Meta{})
			u.commit(backends.Cond{}, u.send(1, name))
			s.wantFile("d/"+name, name)
		}
		if n := len(s.list("d")); n != len(s.oddNames()) {
			s.Errorf("%d of %d files are listed", n, len(s.oddNames()))
		}
	}},
}
