package rename

import (
	"bufio"
	"context"
	"encoding/json"
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
	"path/filepath"
	"slices"
	"strconv"
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
	// roundsEnv is how many processes TestKill kills; 15 are enough for every day.
	roundsEnv = "SD_RENAME_KILLS"
)

// openBucket opens the bucket. What the server heeds is known, if only from us: a probe
// that is killed would leave an object.
func openBucket(endpoint string, known *backends.Capabilities) (*s3.Backend, error) {
	b, err := s3.New(s3.Config{
		Bucket: killBucket, Endpoint: endpoint, AccessKeyID: testserver.AccessKey,
		Secret:       func() (string, string, error) { return testserver.SecretKey, "", nil },
		Capabilities: known,
		Patience:     time.Minute, Stall: time.Minute, // the machine may be busy
	})
	if err == nil {
		_, err = b.Capabilities(context.Background())
	}
	return b, err
}

func openJournal(dir string, b backends.Backend) (*Journal, error) {
	return Open(Config{
		Dir: dir, Settle: time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Backend: func(context.Context, string) (backends.Backend, error) { return b, nil },
	})
}

// victim waits for a line, and then renames one folder or file from and to until it is
// killed.
func victim() {
	endpoint, kind, from, to := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	err := func() error {
		var known backends.Capabilities
		if err := json.Unmarshal([]byte(os.Args[5]), &known); err != nil {
			return err
		}
		b, err := openBucket(endpoint, &known)
		if err != nil {
			return err
		}
		j, err := openJournal(os.Getenv(victimEnv), b)
		if err != nil {
			return err
		}
		ctx := context.Background()
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
	known backends.Capabilities

	mu    sync.Mutex
	idle  *sync.Cond
	under int
	until int           // requests until
	met   chan struct{} // is closed
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
	if n > 0 && f.until > 0 {
		if f.until--; f.until == 0 {
			close(f.met)
		}
	}
}

// after returns a channel that is closed when n more requests have come.
func (f *front) after(n int) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.until, f.met = n, make(chan struct{})
	return f.met
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
	t.Parallel()
	rounds := 15
	if n, err := strconv.Atoi(os.Getenv(roundsEnv)); err == nil {
		rounds = n
	}
	server := testserver.Versitygw(t, killBucket)
	f := newFront(t, server.URL)
	b, err := openBucket(f.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	f.known, err = b.Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
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
	for round := range rounds {
		kind, from, to := "folder", "d", "e"
		if round%3 == 2 {
			kind, from, to = "file", "file", "renamed"
		}
		if _, there := files[from]; kind == "file" && !there || kind == "folder" && !holds(files, from) {
			from, to = to, from
		}
		dir := t.TempDir()
		state := kill(t, f, dir, kind, from, to)
		j, err := openJournal(dir, b)
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
		after := moved(files, from, to)
		if kind == "file" {
			after = maps.Clone(files)
			after[to] = after[from]
			delete(after, from)
		}
		got := onDisk(t, b, server)
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
	t.Logf("of %d processes, with something left to do: %v", rounds, ends)
}

// onDisk is everything in the bucket; the server keeps an object in a file of its name.
func onDisk(t *testing.T, b *s3.Backend, server *testserver.Server) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := b.Walk(t.Context(), "", "", func(page []backends.Entry) error {
		for _, e := range page {
			if e.Kind == backends.Dir {
				found[e.Name+"/"] = ""
				continue
			}
			content, err := os.ReadFile(filepath.Join(server.Dir, killBucket, e.Name))
			if err != nil {
				return err
			}
			found[e.Name] = string(content)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
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
	known, _ := json.Marshal(f.known)
	cmd := exec.Command("/proc/self/exe", f.URL, kind, from, to, string(known))
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
	n := 1 + rand.N(map[string]int{"folder": 180, "file": 12}[kind]) // some two renames
	met := f.after(n)
	io.WriteString(in, "go\n")
	<-met
	time.Sleep(rand.N(3 * time.Millisecond)) // any moment will do, this is no wait for something
	cmd.Process.Kill()
	last, _ := io.ReadAll(lines)
	cmd.Wait()
	f.wait()
	if len(last) > 0 {
		t.Fatalf("the victim says %q", last)
	}
	return fmt.Sprintf("after %d requests", n)
}
