package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"sd/internal/netproxy"
	"sd/library"
)

// A file that goes wrong is told, the rest is done, and to resume tries that file again.
func TestPartOfACopy(t *testing.T) {
	s := newSandbox(t)
	server, proxy := s.proxiedBucket()
	folder, _ := album(t, s, "album")
	proxy.Script(netproxy.Rule{Method: "PUT", KeySuffix: "a.jpg", Fault: netproxy.Fault{Kind: netproxy.Status, Status: 403}})
	r := s.run("cp", "-r", "album", "s3://box/")
	r.want(t, 1, "copied 3 files (13 B), 1 failed", "a.jpg: permission denied")
	row := s.lastLog()
	id := fmt.Sprint(row.Job)
	r.want(t, 1, "", "'sd job resume "+id+"' tries")
	if row.State != library.Failed || row.Ended == nil {
		t.Errorf("got %+v, want that it failed", row)
	}
	var detail struct{ Files []fateRow }
	s.decode(&detail, "log", id, "--failed")
	if len(detail.Files) != 1 || detail.Files[0].State != "failed" || !strings.HasSuffix(detail.Files[0].To, "/a.jpg") || detail.Files[0].Error == "" {
		t.Errorf("got %+v, want the file that failed", detail.Files)
	}
	s.must("job", "info", id).want(t, 0, "not done", "")
	proxy.Script()
	s.must("job", "resume", id).want(t, 0, "copied 4 files (18 B)", "")
	wantObject(t, server, "album/a.jpg", "alpha")
	if got := s.lastLog().State; got != library.Done {
		t.Errorf("got %s, want done", got)
	}

	// A name that is taken between the plan and the copy is left to whoever took it.
	writeFile(t, filepath.Join(folder, "late.txt"), "mine")
	proxy.ScriptFunc(func(q netproxy.Request) netproxy.Fault {
		if q.Method == "PUT" && strings.HasSuffix(q.Key, "late.txt") {
			server.MustPut(t, "box", "album/late.txt", "theirs")
		}
		return netproxy.Fault{}
	})
	s.run("cp", "album/late.txt", "s3://box/album/").want(t, 1, "1 failed", "late.txt")
	wantObject(t, server, "album/late.txt", "theirs")
}

// A volume that does not answer is waited for, and the copy goes on by itself.
func TestCopyWaits(t *testing.T) {
	s := newSandbox(t)
	server, proxy := s.proxiedBucket()
	album(t, s, "album")
	text := string(noise(1 << 20))
	for i := range 8 {
		writeFile(t, filepath.Join(s.home, "album", fmt.Sprint("big", i)), text)
	}
	b := s.start("cp", "-r", "album", "s3://box/", "--bwlimit", "4M", "--transfers", "1")
	eventually(t, "some of it is there", func() bool { return len(server.Keys(t, "box", "album/big")) > 0 })
	if err := proxy.Refuse(); err != nil {
		t.Fatal(err)
	}
	job := int64(0)
	eventually(t, "it waits", func() bool {
		for _, row := range s.jobs() {
			if row.Action != nil && strings.Contains(string(row.Progress), `"waiting"`) {
				job = row.ID
			}
		}
		return job != 0
	})
	s.must("job", "list").want(t, 0, "waiting: s3://box is unreachable", "")
	s.must("job", "info", fmt.Sprint(job)).want(t, 0, "waits for", "")
	// What is not begun yet fails at once, and says what to do.
	s.run("cp", "album/a.jpg", "s3://box/a.jpg").want(t, 1, "", "nothing was done; see 'sd volume test box'")
	r := s.run("du", "s3://box")
	r.want(t, 1, "", "unreachable")
	if r.out != "" {
		t.Errorf("got %q of a volume that nobody can reach", r.out)
	}
	if err := proxy.Serve(); err != nil {
		t.Fatal(err)
	}
	b.wait().want(t, 0, "copied 12 files", "waiting: ")
	wantObject(t, server, "album/big7", text)
}
