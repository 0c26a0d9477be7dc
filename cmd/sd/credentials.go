package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// keyPair is an access key of the S3 protocol.
type keyPair struct{ id, secret string }

// accessKey finds the key to keep for a volume that speaks S3. It is nil where none is to
// be kept: a profile, anonymous, or the SDK's own sources (instance role, login session).
func (a *app) accessKey(f addFlags) (*keyPair, error) {
	given := 0
	for _, set := range []bool{f.profile != "", f.anonymous, f.accessKeyID != "" || f.from.stdin} {
		if set {
			given++
		}
	}
	envID, envSecret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	switch {
	case given > 1:
		return nil, usagef("give only one of --profile, --anonymous and --access-key-id")
	case f.from.stdin && f.accessKeyID == "":
		return nil, usagef("--secret-stdin needs --access-key-id")
	case f.accessKeyID != "":
		q := secretQuestion{prompt: "Secret access key for " + f.accessKeyID + ": ", stdin: f.from.stdin, flag: "--secret-stdin", instead: "--profile"}
		if q.variable = "AWS_SECRET_ACCESS_KEY"; envID != "" && envID != f.accessKeyID {
			q.ignored = true // it belongs to another key
		}
		secret, err := a.secret(q)
		return &keyPair{f.accessKeyID, secret}, err
	case given > 0:
		return nil, nil
	case envID != "" && envSecret != "" && os.Getenv("AWS_SESSION_TOKEN") == "":
		return &keyPair{envID, envSecret}, nil
	}
	// A session's token ends soon: it is used from the environment, not kept.
	return nil, nil
}

// secretQuestion is how a secret can be given, in the order in which that is tried.
type secretQuestion struct {
	stdin    bool   // it was piped in
	variable string // of the environment; "" is none
	ignored  bool   // the variable is, and only named where there is nobody to ask
	prompt   string
	flag     string // that pipes it in; "" is none
	instead  string // a flag that makes it unnecessary; "" is none
}

// secret reads a secret from standard input, the environment or a prompt. It is not empty.
func (a *app) secret(q secretQuestion) (string, error) {
	if q.stdin {
		return notEmpty(a.readLine())
	}
	if q.variable != "" && !q.ignored {
		if text := os.Getenv(q.variable); text != "" {
			return text, nil
		}
	}
	f, isFile := a.in.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return "", usagef("there is no terminal to ask for the secret on: %s", q.otherWays())
	}
	return notEmpty(a.readHidden(int(f.Fd()), q.prompt))
}

// readHidden asks for a line on a terminal that does not show it. Ctrl-C ends that, and leaves
// the terminal as it was.
func (a *app) readHidden(terminal int, prompt string) (string, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	before, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	fmt.Fprint(a.errOut, prompt)
	defer fmt.Fprintln(a.errOut)
	type answer struct {
		text []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() { // it stays until there is a line, or the program ends
		text, err := term.ReadPassword(terminal)
		read <- answer{text, err}
	}()
	select {
	case got := <-read:
		return strings.TrimSpace(string(got.text)), got.err
	case <-ctx.Done():
		return "", errors.Join(errNothingDone, term.Restore(terminal, before))
	}
}

func (q secretQuestion) otherWays() string {
	var ways []string
	if q.variable != "" {
		ways = append(ways, "set "+q.variable)
	}
	if q.flag != "" {
		ways = append(ways, "pipe it in with "+q.flag)
	}
	if q.instead != "" {
		ways = append(ways, "use "+q.instead)
	}
	return strings.Join(ways, ", or ")
}

func notEmpty(text string, err error) (string, error) {
	if err == nil && text == "" {
		err = errors.New("the secret is empty")
	}
	return text, err
}

// input is standard input, for all who read a part of it.
func (a *app) input() *bufio.Reader {
	if a.buffered == nil {
		a.buffered = bufio.NewReader(a.in)
	}
	return a.buffered
}

// readLine reads one line of input without asking for it.
func (a *app) readLine() (string, error) {
	line, err := a.input().ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the secret: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// askLine asks for one line that is no secret, until ctx ends. End of input is io.EOF.
func (a *app) askLine(ctx context.Context, prompt string) (string, error) {
	fmt.Fprint(a.errOut, prompt)
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() { // it stays until there is a line, or the program ends
		line, err := a.input().ReadString('\n')
		if line != "" {
			err = nil
		}
		read <- answer{strings.TrimRight(line, "\r\n"), err}
	}()
	select {
	case got := <-read:
		return got.line, got.err
	case <-ctx.Done():
		fmt.Fprintln(a.errOut)
		return "", context.Cause(ctx)
	}
}
