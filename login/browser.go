package login

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Browser logs in with the browser of this machine: the service sends it back to an address
// on loopback at which this process listens until it has an answer, Patience is over or ctx
// ends. Its errors are ErrDenied, ErrTimeout, the cause of ctx, or say what the service said.
func (l *Login) Browser(ctx context.Context) (Token, error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	listeners, port, err := l.listen(ctx)
	if err != nil {
		return Token{}, err
	}
	redirect := "http://" + net.JoinHostPort(l.Provider.host, strconv.Itoa(port)) + "/"
	a := l.attempt(redirect)
	door := &door{login: l, attempt: a, hosts: []string{l.Provider.host, "127.0.0.1", "localhost"}, answers: make(chan answer), done: ctx.Done()}
	server := &http.Server{Handler: door, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	var serving sync.WaitGroup
	for _, listener := range listeners {
		serving.Go(func() { _ = server.Serve(listener) })
	}
	defer func() {
		// The page is sent before the door is closed.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
		serving.Wait()
	}()

	l.Say("Log in to " + l.Provider.Name + " in your browser. If it does not open by itself, open this address on this machine:\n\n  " + a.url + "\n")
	if l.Open != nil {
		if err := l.Open(a.url); err != nil {
			l.Say("(" + err.Error() + ")")
		}
	}
	for {
		select {
		case got := <-door.answers:
			if got.err != nil {
				got.reply <- got.err
				return Token{}, got.err
			}
			t, err := l.exchange(ctx, a, got.code)
			got.reply <- err
			return t, err
		case <-ctx.Done():
			return Token{}, context.Cause(ctx)
		}
	}
}

// listen listens on loopback, at one of the ports that the service sends browsers back to.
func (l *Login) listen(ctx context.Context) ([]net.Listener, int, error) {
	ports := l.Provider.ports
	if len(ports) == 0 {
		ports = []int{0}
	}
	var lc net.ListenConfig
	var err error
	for _, port := range ports {
		var first net.Listener
		if first, err = lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err != nil {
			continue
		}
		port = first.Addr().(*net.TCPAddr).Port
		listeners := []net.Listener{first}
		// localhost may be this one for the browser; where there is none, it is not.
		if second, err := lc.Listen(ctx, "tcp", net.JoinHostPort("::1", strconv.Itoa(port))); err == nil {
			listeners = append(listeners, second)
		}
		return listeners, port, nil
	}
	return nil, 0, fmt.Errorf("no port is free for the browser's answer (%w): end what uses it, or log in with --headless", err)
}

// answer is what the browser brought back.
type answer struct {
	code  string
	err   error
	reply chan<- error // how it came out, for the page
}

// door serves the one address to which the service sends the browser back. It opens once:
// who comes later, with another state or from elsewhere is turned away.
type door struct {
	login   *Login
	attempt attempt
	hosts   []string
	answers chan answer
	done    <-chan struct{}

	mu     sync.Mutex
	opened bool
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	host, _, err := net.SplitHostPort(r.Host)
	query := r.URL.Query()
	switch {
	case err != nil || !contains(d.hosts, host): // a name that somebody made to mean this machine
		page(w, http.StatusForbidden, "This is not the address of this page.")
		return
	case r.URL.Path != "/":
		page(w, http.StatusNotFound, "There is nothing here.")
		return
	case r.Method != http.MethodGet:
		page(w, http.StatusMethodNotAllowed, "There is nothing to send here.")
		return
	case query.Get("state") != d.attempt.state:
		page(w, http.StatusBadRequest, "This answer belongs to another login. Use the page that the command has opened last.")
		return
	case query.Get("code") == "" && query.Get("error") == "":
		page(w, http.StatusBadRequest, "There is no answer in this address.")
		return
	case !d.open():
		page(w, http.StatusGone, "This login is over. You can close this page.")
		return
	}
	reply := make(chan error, 1)
	got := answer{code: query.Get("code"), reply: reply}
	if code := query.Get("error"); code != "" {
		got.err = d.login.refusal(code, query.Get("error_description"))
	}
	select {
	case d.answers <- got:
	case <-d.done:
		page(w, http.StatusGone, "This login is over. You can close this page.")
		return
	}
	if err := <-reply; err != nil {
		page(w, http.StatusOK, "This did not work: "+err.Error()+". The command has ended. You can close this page.")
		return
	}
	page(w, http.StatusOK, "You are logged in. You can close this page.")
}

// open says yes once.
func (d *door) open() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := !d.opened
	d.opened = true
	return first
}

func contains(list []string, name string) bool {
	for _, one := range list {
		if strings.EqualFold(one, name) {
			return true
		}
	}
	return false
}

func page(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!doctype html><title>sd</title><p>%s</p>\n", html.EscapeString(text))
}

// OpenBrowser shows a page in the user's browser. It returns as soon as that is asked.
func OpenBrowser(url string) error {
	command := "xdg-open"
	if runtime.GOOS == "darwin" {
		command = "open"
	}
	// No stream is passed on: a browser for terminals would take ours.
	cmd := exec.Command(command, url)
	if err := cmd.Start(); errors.Is(err, exec.ErrNotFound) {
		return errors.New("there is no " + command + " here to open it; without a browser on this machine, use --headless")
	} else if err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // it may stay as long as the browser does
	return nil
}
