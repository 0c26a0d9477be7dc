//go:build linux

package actions

import (
	"errors"
	"strings"
	"testing"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/identity"
	"sd/internal/testserver"
)

// A request of a process that was killed may come to its end when the next has looked already:
// what it has made is no conflict.
func TestLateRequest(t *testing.T) {
	t.Parallel()
	server := testserver.Versitygw(t, "bucket")
	w := newWorld(t, t.TempDir(), server.URL, "bucket")
	server.MustPut(t, "bucket", "from/a", "one", "from/b", "two")
	job := w.committed(t, "s3://bucket/from", "s3://bucket/to", false)
	first := w.committed(t, "s3://bucket/from", "s3://bucket/to", false)
	_, err := w.Run(t.Context(), first, nil)
	must(t, err)
	out, err := w.Run(t.Context(), job, nil)
	if err != nil || out.Copied.Files != 2 {
		t.Errorf("got %+v, %v, want that both are there", out, err)
	}
}

// What is to be verified is read, also where an object says itself which bytes it has.
func TestVerifyReads(t *testing.T) {
	t.Parallel()
	server := testserver.Versitygw(t, "bucket")
	proxy := behind(t, server)
	w := newWorld(t, t.TempDir(), proxy.URL(), "bucket")
	src := t.TempDir()
	files := map[string]string{"a": "one", "b": "two", "large": strings.Repeat("0123456789abcdef", 9<<16)}
	makeTree(t, src, files)
	d := w.planned(t, steps.Spec{Action: steps.Copy, Options: steps.Options{Verify: true}}, src, "s3://bucket/to",
		func(p *writer) error { return p.tree(t.Context(), false) })
	job, err := d.Commit(t.Context(), false)
	must(t, err)
	st, _ := w.at(t, "s3://bucket/")
	sum := identity.New()
	_, _ = sum.Write([]byte("two"))
	_, err = st.(*stores.Volume).Backend().(backends.Putter).Put(t.Context(), "to/b", strings.NewReader("xyz"), 3, backends.Meta{BLAKE3: sum.Sum().String()}, backends.Cond{})
	must(t, err)
	_, err = w.Run(t.Context(), job, nil)
	if part := new(PartError); !errors.As(err, &part) || part.Failed != 1 {
		t.Errorf("got %v, want that the one with other bytes fails", err)
	}
	files["b"] = "xyz"
	equal(t, bucketOf(t, server, "bucket", "to/"), files)
	if n := proxy.Count("GET"); n < 4 { // what is there, and one or two parts of the large one
		t.Errorf("the objects were read by %d requests: %v", n, proxy.Counts())
	}
	// And back.
	dst := t.TempDir()
	d = w.planned(t, steps.Spec{Action: steps.Copy, Options: steps.Options{Verify: true}}, "s3://bucket/to", dst,
		func(p *writer) error { return p.tree(t.Context(), false) })
	job, err = d.Commit(t.Context(), false)
	must(t, err)
	_, err = w.Run(t.Context(), job, nil)
	if part := new(PartError); !errors.As(err, &part) || part.Failed != 1 {
		t.Errorf("got %v, want that the object fails which has other bytes than it says", err)
	}
	delete(files, "b")
	equal(t, treeOf(t, dst), files)
}
