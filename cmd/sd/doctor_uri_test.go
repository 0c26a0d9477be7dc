package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sd/doctor"
	"sd/internal/netproxy"
	"sd/internal/testserver"
	"sd/library"
)

// TestDoctorOfAStore looks at a bucket and at a folder, as text and as JSON.
func TestDoctorOfAStore(t *testing.T) {
	server := testserver.Versitygw(t, "photos")
	server.MustPut(t, "photos", "2024/a.jpg", strings.Repeat("x", 5000))
	s := newSandbox(t)
	s.addBucket(server, "pics", "photos")

	r := s.must("doctor", "s3://photos", "--size", "1M")
	for _, want := range []string{"s3://photos (volume pics)", "ok    create if absent", "of 8 writers at once one won", "warn  copy if absent", "-> looks right before it writes", "throughput down", "nothing is left behind"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("there is no %q in\n%s", want, r.out)
		}
	}
	var got look
	s.decode(&got, "doctor", "s3://photos/2024/", "--read-only")
	if !got.OK || got.URI != "s3://photos/2024" || got.Volume != "pics" || !got.ReadOnly || len(got.Left) > 0 {
		t.Errorf("got %+v", got)
	}
	about := map[string]doctor.Row{}
	for _, row := range got.Checks {
		about[row.What] = row
	}
	if read := about["read"]; read.Level != doctor.OK || !strings.Contains(read.Found, "a.jpg") || about["write"].What != "" {
		t.Errorf("got %+v", about)
	}
	s.run("doctor", "s3://photos/nothing", "--read-only").want(t, 1, "fail  reach", "")
	s.run("doctor", "s3://absent").want(t, 1, "", "add-cloud")
	s.run("doctor", s.home).want(t, 2, "", "name a volume")
	s.run("doctor", "--read-only").want(t, 2, "", "name its URI")
	s.run("doctor", "s3://photos", "--size", "5G").want(t, 2, "", "nothing more")
	if keys := server.Keys(t, "photos", ""); len(keys) != 1 {
		t.Errorf("there is %q, want the one file", keys)
	}
}

// TestDoctorInterrupted leaves nothing behind after Ctrl-C.
func TestDoctorInterrupted(t *testing.T) {
	server := testserver.Versitygw(t, "photos")
	faults, err := netproxy.NewFaults(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer faults.Close()
	s := newSandbox(t)
	s.addBucketAt(faults.URL(), "pics", "photos")
	cmd := s.command("--json", "doctor", "s3://photos")
	stopped := make(chan struct{})
	faults.ScriptFunc(func(q netproxy.Request) netproxy.Fault {
		if q.Op == "PART" { // in the middle, with an upload begun
			select {
			case <-stopped:
			default:
				close(stopped)
			}
			return netproxy.Fault{Delay: 100 * time.Millisecond}
		}
		return netproxy.Fault{}
	})
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errOut, 5*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the exit status tells
		close(ended)
	}()
	select {
	case <-stopped:
		_ = cmd.Process.Signal(syscall.SIGINT)
	case <-ended:
	}
	<-ended
	r := result{args: cmd.Args[1:], out: out.String(), err: errOut.String(), code: cmd.ProcessState.ExitCode()}
	r.want(t, 1, "", "interrupted")
	var got look
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || got.OK || len(got.Left) > 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	if keys := server.Keys(t, "photos", ""); len(keys) != 0 {
		t.Errorf("%q is left", keys)
	}
	if uploads, err := server.Uploads(t.Context(), "photos"); len(uploads) > 0 || err != nil {
		t.Errorf("the uploads %q are left, %v", uploads, err)
	}
}

// TestFamily works with wasabi, spaces and b2 from end to end, each on a server that behaves
// like it.
func TestFamily(t *testing.T) {
	for _, service := range []string{"wasabi", "spaces", "b2"} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			server := testserver.Versions(t, "photos")
			s := newSandbox(t)
			s.runWith(testserver.SecretKey+"\n", nil, "volume", "add-cloud", "pics", "--service", service, "--bucket", "photos", "--region", testserver.Region,
				"--endpoint", testserver.Habits(t, service, server), "--access-key-id", testserver.AccessKey, "--secret-stdin").want(t, 0, "added", "")
			root := service + "://photos/"
			for name, text := range map[string]string{"a.txt": "first", "b c+d%41.txt": "second"} {
				if err := os.WriteFile(s.home+"/"+name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				s.must("cp", "./"+name, root+"dir/"+name)
				if r := s.must("cat", root+"dir/"+name); r.out != text {
					t.Errorf("%s: got %q, want %q", name, r.out, text)
				}
			}
			s.must("ls", root+"dir").want(t, 0, "b c+d%41.txt", "")
			s.must("mv", root+"dir/a.txt", root+"dir/e.txt")
			s.must("cp", root+"dir/e.txt", root+"copy.txt")
			s.must("rm", root+"dir/e.txt")
			s.run("cat", root+"dir/e.txt").want(t, 1, "", "no such")
			if r := s.must("cat", root+"copy.txt"); r.out != "first" {
				t.Errorf("the copy is %q", r.out)
			}
			conditions := "ok    create if absent"
			if service == "b2" {
				conditions = "warn  create if absent"
			}
			s.must("doctor", root, "--size", "0").want(t, 0, conditions, "")
			s.forgetsServer("pics")
		})
	}
}

// forgetsServer removes a volume, and looks that what was learned about its server goes with it.
func (s *sandbox) forgetsServer(name string) {
	s.t.Helper()
	lib, err := library.Open(s.t.Context(), filepath.Join(s.home, ".local/share/sd"), "")
	if err != nil {
		s.t.Fatal(err)
	}
	defer lib.Close()
	v, err := lib.Volumes(s.t.Context())
	if err != nil || len(v) != 1 {
		s.t.Fatal(v, err)
	}
	about := learned{lib, v[0].Fingerprint}
	if len(about.Recall()) == 0 {
		s.t.Error("nothing was learned")
	}
	s.must("volume", "remove-cloud", name)
	if text := about.Recall(); len(text) > 0 {
		s.t.Errorf("%q is kept of a volume that is removed", text)
	}
}
