package main

import (
	"fmt"
	"testing"

	"sd/internal/testserver"
)

// The trash of a volume is told by the jobs that filled it, and emptied only of what is meant.
func TestTrash(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	s := newSandbox(t)
	s.addBucket(server, "box", "box")
	s.must("trash", "list").want(t, 0, "", "is empty")
	for _, key := range []string{"a", "b/c", "b/d", "e"} {
		server.MustPut(t, "box", key, "1234")
	}
	server.MustPut(t, "box", ".sd-trash/cafecafe-7/x", "another library's")
	server.MustPut(t, "box", ".sd-trash/stray", "nobody's")
	s.must("rm", "s3://box/a")
	one := s.lastLog().Job
	s.must("rm", "-r", "s3://box/b")
	two := s.lastLog().Job

	var rows []trashRow
	s.decode(&rows, "trash", "list", "s3://box", "s3://box")
	got := map[int64]trashRow{}
	for _, r := range rows {
		got[r.Job] = r
	}
	if len(rows) != 4 || got[one].Files != 1 || got[one].Bytes != 4 || got[two].Files != 2 || got[two].Title != "rm s3://box/b" || got[two].Since.IsZero() {
		t.Errorf("got %+v, want what the two jobs and others have put there", rows)
	}
	s.must("trash", "list").want(t, 0, "s3://box/.sd-trash/cafecafe-7", "")

	s.must("trash", "empty", "--older", "1d", "--yes").want(t, 0, "", "nothing to do")
	s.run("trash", "empty").want(t, 1, "", "5 files would be removed for good, and nobody is there to agree")
	s.must("trash", "empty", "--dry-run").want(t, 0, "5 files", "")
	s.must("job", "undo", fmt.Sprint(one))
	wantObject(t, server, "a", "1234")
	s.must("trash", "empty", "s3://box", "--yes").want(t, 0, "removed 4 files", "")
	if keys := server.Keys(t, "box", ""); fmt.Sprint(keys) != "[a e]" {
		t.Errorf("got %q, want what was never removed", keys)
	}
	s.run("job", "undo", fmt.Sprint(two)).want(t, 1, "", "not in the trash any more")

	s.run("trash", "empty", "s3://box/b").want(t, 2, "", "is no volume")
	s.run("trash", "empty", "--older", "soon").want(t, 2, "", "8w")
	s.run("trash", "list", "s3://none").want(t, 1, "", "sd volume add-cloud")
}
