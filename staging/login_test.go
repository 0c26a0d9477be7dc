package staging_test

import (
	"context"
	"io"
	"io/fs"
	"sync/atomic"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/mem"
	"sd/staging"
)

// loginStore is a store whose login may have ended.
type loginStore struct {
	*mem.Store
	ended   atomic.Bool
	refused atomic.Int64
}

func (s *loginStore) Put(ctx context.Context, name string, r io.ReadSeeker, size int64, m backends.Meta, c backends.Cond) (backends.Entry, error) {
	if s.ended.Load() {
		s.refused.Add(1)
		return backends.Entry{}, &fs.PathError{Op: "put", Path: name, Err: fs.ErrPermission}
	}
	return s.Store.Put(ctx, name, r, size, m, c)
}

func (s *loginStore) Health() backends.Health {
	return backends.Health{Online: true, Expired: s.ended.Load()}
}

// What was refused for want of a login goes up once there is one, not when its pause is over;
// and until then only one file at a time is tried.
func TestUploadsAfterALogin(t *testing.T) {
	b := &loginStore{Store: mem.New(mem.Config{Limits: small})}
	s := newStore(t, staging.Config{WriteBack: true, RetryMin: time.Hour, RetryMax: time.Hour, Backend: backendOf(b)})
	s.Start()
	b.ended.Store(true)
	files := []string{"a", "b", "c"}
	for _, name := range files {
		f := create(t, s, b, name)
		write(t, f, 0, []byte(name))
		if err := f.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.Close()
		eventually(t, "the first is refused", func() bool { return b.refused.Load() > 0 })
	}
	if n := b.refused.Load(); n > int64(len(files)) {
		t.Errorf("%d attempts without a login", n)
	}
	b.ended.Store(false)
	eventually(t, "nothing waits any more", func() bool { return len(s.Pending()) == 0 })
	for _, name := range files {
		wantObject(t, b.Store, name, []byte(name))
	}
}
