package rename

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/s3"
	"sd/internal/testserver"
)

// victimEnv makes the test binary a process that renames until it is killed. Its value
// is the folder of journals; the endpoint and the names follow as arguments.
const (
	victimEnv  = "SD_RENAME_VICTIM"
	killBucket = "bucket"
)

func openBucket(endpoint string) (*s3.Backend, error) {
	return s3.New(s3.Config{
		Bucket: killBucket, Endpoint: endpoint, AccessKeyID: testserver.AccessKey,
		Secret: func() (string, string, error) { return testserver.SecretKey, "", nil },
	})
}

func openJournal(dir, endpoint string) (*Journal, *s3.Backend, error) {
	b, err := openBucket(endpoint)
	if err != nil {
		return nil, nil, err
	}
	j, err := Open(Config{
		Dir: dir, Settle: time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Backend: func(context.Context, string) (backends.Backend, error) { return b, nil },
	})
	return j, b, err
}

// victim waits for a line, and then renames one folder or file from and to until it is
// killed.
func victim() {
	endpoint, kind, from, to := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	err := func() error {
		j, b, err := openJournal(os.Getenv(victimEnv), endpoint)
		if err != nil {
			return err
		}
		ctx := context.Background()
		if _, err := b.Stat(ctx, ""); err != nil {
			return err
		}
		fmt.Println("ready")
		if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
			return err
		}
		for {
			if kind == "folder" {
				err = j.Dir(ctx, volume, b, from, to, nil)
			} else {
				var e backends.Entry
				if e, err = b.Stat(ctx, from); err == nil {
					_, err = j.File(ctx, volume, b, e, to, Options{Cond: backends.Cond{Absent: true}})
				}
			}
			if err != nil {
				return err
			}
			from, to = to, from
		}
	}()
	fmt.Println(err)
	os.Exit(1)
}

// front passes requests on to a server, and tells when none is under way: those of a
// killed process are answered to the end.
type front struct {
	*httptest.Server
	mu    sync.Mutex
	under int
	idle  *sync.Cond
}

func newFront(t *testing.T, server string) *front {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{}
	f.idle = sync.NewCond(&f.mu)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // which is signed
			r.Out = r.Out.WithContext(context.WithoutCancel(r.In.Context()))
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.count(1)
		defer f.count(-1)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *front) count(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.under += n; f.under == 0 {
		f.idle.Broadcast()
	}
}

func (f *front) wait() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.under > 0 {
		f.idle.Wait()
	}
}

// TestKill kills a process at a random moment of a rename, again and again. After
// Recover there is one of the two trees, with every byte, and nothing else.
func TestKill(t *testing.T) {
	server := testserver.Versitygw(t, killBucket)
	f := newFront(t, server.URL)
	b, err := openBucket(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	files := map[string]string{"d/": "", "d/made/": "", "d/made/empty/": "", "file": "of its own", "other/x": "beside"}
	for i := range 30 {
		files[fmt.Sprintf("d/many/%02d", i)] = strings.Repeat(fmt.Sprint(i), 10)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content := files[name]
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			err = b.Mkdir(t.Context(), dir)
		} else {
			_, err = b.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), backends.Meta{}, backends.Cond{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ends := map[string]int{}
	for round := range 64 {
		kind, from, to := "folder", "d", "e"
		if round%3 == 2 {
			kind, from, to = "file", "file", "renamed"
		}
		if _, there := files[from]; kind == "file" && !there || kind == "folder" && !holds(files, from) {
			from, to = to, from
		}
		dir := t.TempDir()
		state := kill(t, f, dir, kind, from, to)
		j, jb, err := openJournal(dir, f.URL)
		if err != nil {
			t.Fatal(err)
		}
		found := len(mustEntries(t, dir)) > 1
		if err := j.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p := j.Pending(); len(p) > 0 {
			t.Errorf("still pending: %+v", p)
		}
		j.Close()
		jb.Close()
		after := moved(files, from, to)
		if kind == "file" {
			after = maps.Clone(files)
			after[to] = after[from]
			delete(after, from)
		}
		got := everything(t, b)
		end := "the old tree"
		if maps.Equal(got, after) {
			end, files = "the new tree", after
		}
		compare(t, got, files)
		if t.Failed() {
			t.Fatalf("round %d, %s of %q to %q, killed %s: neither tree", round, kind, from, to, state)
		}
		if found {
			ends[kind+", "+end]++
		}
	}
	t.Logf("of 64 processes, with something left to do: %v", ends)
}

func holds(files map[string]string, dir string) bool {
	for name := range files {
		if strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

func mustEntries(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// kill starts a process that renames, kills it at a random moment, and waits until the
// server has answered its requests.
func kill(t *testing.T, f *front, dir, kind, from, to string) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", f.URL, kind, from, to)
	cmd.Env = append(os.Environ(), victimEnv+"="+dir)
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil || cmd.Start() != nil {
		t.Fatal("the victim does not start")
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("the victim says %q, %v", line, err)
	}
	io.WriteString(in, "go\n")
	moment := rand.N(victimTime[kind])
	time.Sleep(moment) // the moment is what is random
	cmd.Process.Kill()
	last, _ := io.ReadAll(lines)
	cmd.Wait()
	f.wait()
	if len(last) > 0 {
		t.Fatalf("the victim says %q", last)
	}
	return fmt.Sprint("after ", moment)
}

// victimTime is about how long a rename takes, there and back.
var victimTime = map[string]time.Duration{"folder": 200 * time.Millisecond, "file": 20 * time.Millisecond}
