package netproxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sd/internal/netproxy"
	"sd/internal/testserver"
)

const content = "0123456789"

// startFaults puts a proxy before a server that answers everything with content.
func startFaults(t *testing.T) *netproxy.Faults {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.Header().Set("X-Seen", r.Host+" "+r.RequestURI)
		io.WriteString(w, content)
	}))
	t.Cleanup(server.Close)
	return proxyTo(t, server.URL)
}

func proxyTo(t *testing.T, url string) *netproxy.Faults {
	t.Helper()
	f, err := netproxy.NewFaults(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// get asks over a connection of its own, so that nobody retries.
func get(ctx context.Context, url string) (status int, body string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	reply, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	return reply.StatusCode, string(text), err
}

func TestFaultKinds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fault  netproxy.Fault
		status int
		body   string // a part of it
		err    error
	}{
		{"pass", netproxy.Fault{}, 200, content, nil},
		{"delay", netproxy.Fault{Delay: time.Millisecond}, 200, content, nil},
		{"403", netproxy.Fault{Kind: netproxy.Status, Status: 403}, 403, "<Code>AccessDenied</Code>", nil},
		{"404", netproxy.Fault{Kind: netproxy.Status, Status: 404}, 404, "<Code>NoSuchKey</Code>", nil},
		{"412", netproxy.Fault{Kind: netproxy.Status, Status: 412}, 412, "<Code>PreconditionFailed</Code>", nil},
		{"503", netproxy.Fault{Kind: netproxy.Status, Status: 503}, 503, "<Code>SlowDown</Code>", nil},
		{"own code", netproxy.Fault{Kind: netproxy.Status, Status: 403, Code: "ExpiredToken"}, 403, "<Code>ExpiredToken</Code>", nil},
		{"stall head", netproxy.Fault{Kind: netproxy.StallHead, For: time.Millisecond}, 200, content, nil},
		{"stall body", netproxy.Fault{Kind: netproxy.StallBody, After: 4, For: time.Millisecond}, 200, content, nil},
		{"cut", netproxy.Fault{Kind: netproxy.CutBody, After: 4}, 200, "0123", io.ErrUnexpectedEOF},
		{"cut at once", netproxy.Fault{Kind: netproxy.CutBody}, 200, "", io.ErrUnexpectedEOF},
		{"wrong length", netproxy.Fault{Kind: netproxy.WrongLength, After: 4}, 200, "0123", nil},
		{"reset", netproxy.Fault{Kind: netproxy.Reset}, 0, "", io.EOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := startFaults(t)
			f.Script(netproxy.Rule{Fault: tt.fault})
			status, body, err := get(t.Context(), f.URL()+"/bucket/key")
			if status != tt.status || !strings.Contains(body, tt.body) || !errors.Is(err, tt.err) {
				t.Errorf("got %d %q %v, want %d %q %v", status, body, err, tt.status, tt.body, tt.err)
			}
		})
	}
}

func TestStallsEndWithTheClient(t *testing.T) {
	f := startFaults(t)
	for _, fault := range []netproxy.Fault{
		{Kind: netproxy.StallHead}, {Kind: netproxy.StallBody, After: 3}, {Delay: time.Hour},
	} {
		f.Script(netproxy.Rule{Fault: fault})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, _, err := get(ctx, f.URL()+"/bucket/key")
			done <- err
		}()
		for f.Count("GET") == 0 {
			time.Sleep(time.Millisecond) // until it has arrived
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%+v: got %v, want %v", fault, err, context.Canceled)
		}
		f.Forget()
	}
}

func TestCloseEndsStalls(t *testing.T) {
	f := startFaults(t)
	f.Script(netproxy.Rule{Fault: netproxy.Fault{Kind: netproxy.StallBody, After: 3}})
	r, err := http.Get(f.URL() + "/bucket/key")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(r.Body); err == nil {
		t.Error("a stalled body ended well")
	}
	if err := f.Serve(); err == nil {
		t.Error("a closed proxy serves again")
	}
}

func TestRules(t *testing.T) {
	f := startFaults(t)
	fail := netproxy.Fault{Kind: netproxy.Status, Status: 500}
	for _, tt := range []struct {
		name string
		rule netproxy.Rule
		urls []string
		want string // "x" for each failed request, "." for others
	}{
		{"all", netproxy.Rule{Fault: fail}, []string{"/b/k", "/b/k", "/"}, "xxx"},
		{"second", netproxy.Rule{Nth: 2, Fault: fail}, []string{"/b/k", "/b/k", "/b/k"}, ".x."},
		{"second and third", netproxy.Rule{Nth: 2, Times: 2, Fault: fail}, []string{"/b/k", "/b/k", "/b/k", "/b/k"}, ".xx."},
		{"first two", netproxy.Rule{Times: 2, Fault: fail}, []string{"/b/k", "/b/k", "/b/k"}, "xx."},
		{"op", netproxy.Rule{Op: "LIST", Fault: fail}, []string{"/b/k", "/b?list-type=2", "/b?list-type=1"}, ".x."},
		{"first LIST", netproxy.Rule{Op: "LIST", Nth: 1, Fault: fail}, []string{"/b/k", "/b?list-type=2", "/b?list-type=2"}, ".x."},
		{"prefix", netproxy.Rule{KeyPrefix: "a/", Fault: fail}, []string{"/b/a/x", "/b/b/a/", "/b"}, "x.."},
		{"suffix", netproxy.Rule{KeySuffix: ".txt", Fault: fail}, []string{"/b/x.txt", "/b/x.txt.gz"}, "x."},
		{"query", netproxy.Rule{Query: "partNumber=2", Fault: fail}, []string{"/b/k?partNumber=2&uploadId=1", "/b/k?partNumber=1"}, "x."},
	} {
		f.Script(tt.rule)
		got := ""
		for _, url := range tt.urls {
			if status, _, _ := get(t.Context(), f.URL()+url); status == 500 {
				got += "x"
			} else {
				got += "."
			}
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestCountsAndRecords(t *testing.T) {
	f := startFaults(t)
	for _, tt := range []struct{ method, url, copySource, op string }{
		{"GET", "/", "", "LISTBUCKETS"},
		{"GET", "/b?list-type=2&prefix=a%2Fb", "", "LIST"},
		{"GET", "/b/?list-type=2", "", "LIST"},
		{"GET", "/b", "", "LISTV1"},
		{"GET", "/b?location", "", "LOCATION"},
		{"GET", "/b?versioning", "", "OTHER"},
		{"HEAD", "/b", "", "HEADBUCKET"},
		{"PUT", "/b", "", "PUTBUCKET"},
		{"DELETE", "/b", "", "DELETEBUCKET"},
		{"POST", "/b?delete", "", "DELETEMANY"},
		{"GET", "/b/k", "", "GET"},
		{"GET", "/b/k?x-id=GetObject", "", "GET"},
		{"GET", "/b/k?attributes", "", "OTHER"},
		{"HEAD", "/b/k", "", "HEAD"},
		{"PUT", "/b/k", "", "PUT"},
		{"PUT", "/b/k", "/b/src", "COPY"},
		{"DELETE", "/b/k", "", "DELETE"},
		{"POST", "/b/k?uploads", "", "INITIATE"},
		{"GET", "/b?uploads", "", "LISTUPLOADS"},
		{"PUT", "/b/k?partNumber=1&uploadId=u", "", "PART"},
		{"PUT", "/b/k?partNumber=1&uploadId=u", "/b/src", "PARTCOPY"},
		{"POST", "/b/k?uploadId=u", "", "COMPLETE"},
		{"DELETE", "/b/k?uploadId=u", "", "ABORT"},
		{"GET", "/b/k?uploadId=u", "", "LISTPARTS"},
	} {
		f.Forget()
		r, err := http.NewRequest(tt.method, f.URL()+tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Range", "bytes=1-2")
		r.Header.Set("If-Match", `"tag"`)
		if tt.copySource != "" {
			r.Header.Set("X-Amz-Copy-Source", tt.copySource)
		}
		reply, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		got := f.Requests()
		if len(got) != 1 || got[0].Op != tt.op || got[0].Range() != "bytes=1-2" || got[0].IfMatch() != `"tag"` {
			t.Errorf("%s %s: recorded %+v, want one %s with its Range and If-Match", tt.method, tt.url, got, tt.op)
		}
		if want := map[string]int{tt.op: 1}; !maps.Equal(f.Counts(), want) || f.Count("") != 1 {
			t.Errorf("counts are %v, want %v", f.Counts(), want)
		}
		if want := f.Addr() + " " + tt.url; reply.Header.Get("X-Seen") != want {
			t.Errorf("the server saw %q, want %q", reply.Header.Get("X-Seen"), want)
		}
	}
}

func TestPathsStayAsTheyWere(t *testing.T) {
	f := startFaults(t)
	for _, path := range []string{
		"/b/a%2Fb", "/b/a%20b", "/b/a+b", "/b//x", "/b/./x", "/b/../x", "/b/%E6%97%A5", "/b/a%3Fb?x=%20&y=a+b", "/b/~%7E!%21'()*", "/b/x/",
	} {
		// RoundTrip follows no redirects, as to a cleaned path.
		r, err := http.NewRequest(http.MethodGet, f.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		if got, want := reply.Header.Get("X-Seen"), f.Addr()+" "+path; got != want {
			t.Errorf("the server saw %q, want %q", got, want)
		}
	}
}

func TestRefuseDieServe(t *testing.T) {
	f := startFaults(t)
	if err := f.Refuse(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := get(t.Context(), f.URL()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want a refused connection", err)
	}
	if err := f.Serve(); err != nil {
		t.Fatal(err)
	}
	f.Die()
	f.Forget()
	type answer struct {
		status int
		err    error
	}
	answers := make(chan answer)
	go func() {
		status, _, err := get(t.Context(), f.URL()+"/bucket/key")
		answers <- answer{status, err}
	}()
	for f.Count("GET") == 0 {
		time.Sleep(time.Millisecond) // until it has arrived
	}
	select {
	case a := <-answers:
		t.Errorf("a dead server answered %+v", a)
	default:
	}
	if err := f.Serve(); err != nil {
		t.Fatal(err)
	}
	if a := <-answers; a.status != 200 || a.err != nil {
		t.Errorf("after the revival: got %+v, want 200", a)
	}
}

func TestSignaturesStayValid(t *testing.T) {
	server := testserver.Versitygw(t, "bucket")
	f := proxyTo(t, server.URL)
	through := *server
	through.URL = f.URL()
	for _, key := range []string{"plain", "a b+c%d?e#f/g~h!", "日本/語"} {
		through.MustPut(t, "bucket", key, content)
		got, err := through.ReadAll(t.Context(), "bucket", key)
		if err != nil || string(got) != content {
			t.Errorf("%q is %q, %v; want %q", key, got, err, content)
		}
	}
	f.Script(netproxy.Rule{Op: "PUT", Fault: netproxy.Fault{Kind: netproxy.Status, Status: 503}})
	if err := through.PutString(t.Context(), "bucket", "never", content); err == nil {
		t.Error("a put went through a 503")
	}
}
