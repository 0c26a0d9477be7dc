package main

import (
	"fmt"
	"path/filepath"
	"testing"
)

// Many files cost no more requests than they must: one each to write, and a look before each
// copy in a service that does not heed "only if nothing is there" for copies.
func TestActionsAskLittle(t *testing.T) {
	s := newSandbox(t)
	_, proxy := s.proxiedBucket()
	const files = 60
	for i := range files {
		writeFile(t, filepath.Join(s.home, fmt.Sprintf("many/d%d/f%04d", i%9, i)), fmt.Sprint(i))
	}
	s.must("cp", "-r", "many", "s3://box/first") // finds out what the service can
	for _, tt := range []struct {
		args []string
		want map[string]int // at most
	}{
		{[]string{"cp", "-r", "many", "s3://box/many"}, map[string]int{"PUT": files, "LIST": 2, "HEAD": 1}},
		{[]string{"cp", "-r", "s3://box/many", "s3://box/copy"}, map[string]int{"COPY": files, "LIST": 3, "HEAD": files + 2}},
		{[]string{"mv", "s3://box/copy", "s3://box/moved"}, map[string]int{"COPY": files, "DELETE": files, "LIST": 3, "HEAD": files + 2}},
		{[]string{"rm", "-r", "s3://box/moved"}, map[string]int{"COPY": files, "DELETE": files, "LIST": 2, "HEAD": files + 1, "OTHER": 1}},
		{[]string{"rm", "-r", "--permanent", "--yes", "s3://box/first"}, map[string]int{"DELETE": files, "LIST": 2, "HEAD": 1, "OTHER": 1}},
		{[]string{"cp", "-r", "s3://box/many", "down"}, map[string]int{"GET": files, "LIST": 2, "HEAD": 1}},
		{[]string{"mv", "s3://box/many", "here"}, map[string]int{"GET": files, "DELETE": files, "LIST": 2, "HEAD": 1}},
	} {
		proxy.Forget()
		s.must(tt.args...)
		for op, n := range proxy.Counts() {
			if n > tt.want[op] {
				t.Errorf("%v made %d %s, want no more than %d", tt.args, n, op, tt.want[op])
			}
		}
	}
}
