package main

import (
	"fmt"
	"path/filepath"
	"testing"
)

// A sync of what has not changed asks a bucket for its list, and for nothing else.
func TestSyncAsksForListsOnly(t *testing.T) {
	s := newSandbox(t)
	_, proxy := s.proxiedBucket()
	const files = 1500
	for i := range files {
		writeFile(t, filepath.Join(s.home, fmt.Sprintf("many/d%d/f%04d", i%9, i)), fmt.Sprint(i))
	}
	s.must("sync", "many", "s3://box/many").want(t, 0, "copied 1,500 files", "")
	proxy.Forget()
	s.must("sync", "many", "s3://box/many").want(t, 0, "nothing to do", "")
	counts := proxy.Counts()
	lists := counts["LIST"]
	if delete(counts, "LIST"); lists > 2+8 || len(counts) > 0 {
		t.Errorf("got %d lists and %v, want no more than 10 lists", lists, counts)
	}
}
