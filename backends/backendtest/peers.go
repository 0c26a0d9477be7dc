package backendtest

import (
	"errors"
	iofs "io/fs"
	"strings"
	"testing"
	"time"

	"sd/backends"
)

// RunPeers tests backends.PeerCopier. Each call of open gives two empty stores of one account,
// and one of another, from which nothing can be copied.
func RunPeers(t *testing.T, open func(t *testing.T) (to, from, strange backends.Backend), opts Options) {
	t.Helper()
	for _, tt := range peerTests {
		t.Run(tt.name, func(t *testing.T) {
			to, from, strange := open(t)
			tt.run(&pair{&store{T: t, Backend: to, opts: opts}, &store{T: t, Backend: from, opts: opts}, strange})
		})
	}
}

// pair is the store that is copied to, the one that is copied from, and one of other people.
type pair struct {
	*store
	from    *store
	strange backends.Backend
}

func (p *pair) copyFrom(dst, src string, o backends.CopyOptions) (backends.Entry, error) {
	return p.Backend.(backends.PeerCopier).CopyFrom(p.ctx(), dst, p.from.Backend, src, o)
}

var peerTests = []struct {
	name string
	run  func(*pair)
}{
	{"File", func(p *pair) {
		p.from.seed("d/src", "content", "d/empty", "", "same", "of the source")
		p.seed("d/src", "not this", "same", "of the target")
		for src, dst := range map[string]string{"d/src": "d/new", "d/empty": "d/empty2", "same": "same"} {
			is := p.from.stat(src)
			e, err := p.copyFrom(dst, src, backends.CopyOptions{Source: is.Version, Size: is.Size})
			if err != nil {
				p.Fatal(err)
			}
			if at := p.stat(dst); e.Name != dst || e.Size != at.Size || e.Version != at.Version {
				p.Errorf("CopyFrom says %+v, Stat %+v", e, at)
			}
		}
		p.wantFile("d/new", "content")
		p.wantFile("d/empty2", "")
		p.wantFile("same", "of the source")
		p.from.wantFile("same", "of the source")
		p.from.wantList("d", "src", "empty")
	}},
	{"OddNames", func(p *pair) {
		for _, name := range p.oddNames() {
			p.from.seed("d/"+name, name)
			if _, err := p.copyFrom("e/"+name, "d/"+name, backends.CopyOptions{}); err != nil {
				p.Errorf("CopyFrom of %q: %v", name, err)
				continue
			}
			p.wantFile("e/"+name, name)
		}
	}},
	{"Meta", func(p *pair) {
		p.from.replaces()
		p.from.carries()
		if _, err := p.copyFrom("kept", "carries", backends.CopyOptions{}); err != nil {
			p.Fatal(err)
		}
		p.wantMeta("kept", sample())
		want := backends.Meta{ModTime: time.Unix(99, 0), ContentType: "text/y"}
		if _, err := p.copyFrom("replaced", "carries", backends.CopyOptions{Meta: &want}); err != nil {
			p.Fatal(err)
		}
		p.wantMeta("replaced", want)
		p.from.wantMeta("carries", sample())
	}},
	{"Source", func(p *pair) {
		p.from.seed("src", "old content")
		stale := p.from.stat("src")
		p.from.seed("src", "the new content")
		p.seed("dst", "present")
		_, err := p.copyFrom("dst", "src", backends.CopyOptions{Source: stale.Version, Size: stale.Size})
		p.wantErr("CopyFrom", "src", err, backends.ErrChanged)
		_, err = p.copyFrom("dst", "none", backends.CopyOptions{})
		p.wantErr("CopyFrom", "none", err, iofs.ErrNotExist)
		p.wantFile("dst", "present")
	}},
	{"Cond", func(p *pair) {
		p.conditions()
		p.from.seed("src", "new")
		p.seed("dst", "old")
		stale := p.stat("dst").Version
		p.seed("dst", "present")
		is := p.from.stat("src")
		try := func(dst string, c backends.Cond) error {
			_, err := p.copyFrom(dst, "src", backends.CopyOptions{Source: is.Version, Size: is.Size, Cond: c})
			return err
		}
		p.wantErr("CopyFrom", "dst", try("dst", backends.Cond{Absent: true}), iofs.ErrExist)
		p.wantErr("CopyFrom", "dst", try("dst", backends.Cond{Version: stale}), backends.ErrChanged)
		p.wantFile("dst", "present")
		if err := errors.Join(try("dst", backends.Cond{Version: p.stat("dst").Version}), try("new", backends.Cond{Absent: true})); err != nil {
			p.Error(err)
		}
		p.wantFile("dst", "new")
		p.wantFile("new", "new")
	}},
	{"OfOthers", func(p *pair) {
		putter := p.strange.(backends.Putter)
		if _, err := putter.Put(p.ctx(), "src", strings.NewReader("secret"), 6, backends.Meta{}, backends.Cond{}); err != nil {
			p.Fatal(err)
		}
		_, err := p.Backend.(backends.PeerCopier).CopyFrom(p.ctx(), "dst", p.strange, "src", backends.CopyOptions{})
		p.wantErr("CopyFrom", "dst", err, errors.ErrUnsupported)
		p.wantAbsent("dst")
	}},
}
