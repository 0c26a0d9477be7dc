package backendtest

import (
	"io"
	"strings"

	"sd/backends"
)

var versionTests = []test{
	{"ChangesWithTheBytes", nil, func(s *store) {
		seen := map[string]string{}
		for _, content := range []string{"one", "two", "three", "owt", "", "six"} {
			s.seed("file", content)
			e := s.stat("file")
			if old, ok := seen[e.Version]; ok {
				s.Errorf("%q and %q have one version %q", old, content, e.Version)
			}
			seen[e.Version] = content
			s.wantFile("file", content)
		}
	}},
	{"PresentIsServed", nil, func(s *store) {
		s.seed("file", "0123456789")
		version := s.stat("file").Version
		for _, tt := range []struct {
			off, n int64
			want   string
		}{{0, -1, "0123456789"}, {3, 4, "3456"}, {9, 10, "9"}, {0, 0, ""}, {10, 5, ""}, {99, -1, ""}} {
			if got, _ := s.get("file", version, tt.off, tt.n); got != tt.want {
				s.Errorf("at %d of %d bytes: got %q, want %q", tt.off, tt.n, got, tt.want)
			}
		}
	}},
	{"StaleIsErrChanged", nil, func(s *store) {
		s.seed("d/file", "old bytes")
		stale := s.stat("d/file").Version
		s.seed("d/file", "new bytes")
		for _, tt := range []struct{ off, n int64 }{{0, -1}, {0, 3}, {4, 5}, {8, 100}, {0, 0}} {
			r, _, err := s.Get(s.ctx(), "d/file", stale, tt.off, tt.n)
			if err == nil {
				got, _ := io.ReadAll(r)
				r.Close()
				s.Errorf("a stale version at %d gives %q", tt.off, got)
				continue
			}
			s.wantErr("Get", "d/file", err, backends.ErrChanged)
		}
		s.wantFile("d/file", "new bytes")
	}},
	{"NeverMixed", nil, func(s *store) {
		const size = 5 << 20 // more than lies in buffers on the way
		s.seed("file", strings.Repeat("A", size))
		r, _, err := s.Get(s.ctx(), "file", "", 0, -1)
		if err != nil {
			s.Fatal(err)
		}
		defer r.Close()
		head := make([]byte, 1000)
		if _, err := io.ReadFull(r, head); err != nil {
			s.Fatal(err)
		}
		s.seed("file", strings.Repeat("B", size))
		rest, err := io.ReadAll(r)
		if got := string(head) + string(rest); strings.Contains(got, "B") {
			s.Errorf("a reader mixes two versions: B at %d of %d bytes", strings.Index(got, "B"), len(got))
		} else if err == nil && len(got) != size {
			s.Errorf("got %d bytes and no error, want %d or an error", len(got), size)
		}
		s.wantFile("file", strings.Repeat("B", size))
	}},
}
