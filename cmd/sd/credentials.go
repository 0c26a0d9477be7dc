package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// keyPair is an access key as it is kept in the secrets store.
type keyPair struct {
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
}

// credentialFlags are the ways to say where a volume's key comes from.
type credentialFlags struct {
	profile     string
	anonymous   bool
	accessKeyID string
	secretStdin bool
}

func (f credentialFlags) check() error {
	given := 0
	for _, set := range []bool{f.profile != "", f.anonymous, f.accessKeyID != "" || f.secretStdin} {
		if set {
			given++
		}
	}
	switch {
	case given > 1:
		return usagef("give only one of --profile, --anonymous and --access-key-id")
	case f.secretStdin && f.accessKeyID == "":
		return usagef("--secret-stdin needs --access-key-id")
	}
	return nil
}

// credentials finds the key to keep for a volume. It is nil where none is to be kept:
// a profile, anonymous, or the provider's own sources (instance role, login session).
func (a *app) credentials(f credentialFlags) (*keyPair, error) {
	if f.profile != "" || f.anonymous {
		return nil, nil
	}
	envID, envSecret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	switch {
	case f.secretStdin:
		secret, err := a.readLine()
		return newKeyPair(f.accessKeyID, secret, err)
	case f.accessKeyID != "" && envSecret != "" && (envID == "" || envID == f.accessKeyID):
		return newKeyPair(f.accessKeyID, envSecret, nil)
	case f.accessKeyID != "":
		secret, err := a.promptSecret("Secret access key for " + f.accessKeyID + ": ")
		return newKeyPair(f.accessKeyID, secret, err)
	case envID != "" && envSecret != "" && os.Getenv("AWS_SESSION_TOKEN") == "":
		return newKeyPair(envID, envSecret, nil)
	}
	// A session's token ends soon: it is used from the environment, not kept.
	return nil, nil
}

func newKeyPair(id, secret string, err error) (*keyPair, error) {
	if err != nil {
		return nil, err
	}
	if secret == "" {
		return nil, errors.New("the secret access key is empty")
	}
	return &keyPair{AccessKeyID: id, SecretAccessKey: secret}, nil
}

// readLine reads one line of input without asking for it.
func (a *app) readLine() (string, error) {
	line, err := bufio.NewReader(io.LimitReader(a.in, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the secret: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// promptSecret asks on the terminal and does not echo.
func (a *app) promptSecret(prompt string) (string, error) {
	f, isFile := a.in.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return "", usagef("there is no terminal to ask for the secret on: set AWS_SECRET_ACCESS_KEY, or pipe it in with --secret-stdin, or use --profile")
	}
	fmt.Fprint(a.errOut, prompt)
	secret, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(a.errOut)
	return strings.TrimSpace(string(secret)), err
}
