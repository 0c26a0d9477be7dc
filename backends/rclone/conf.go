package rclone

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/unknwon/goconfig"
	"golang.org/x/crypto/nacl/secretbox"
	"golang.org/x/text/unicode/norm"
)

// Remote is one remote of an rclone.conf. Options hold its secrets, passwords obscured as in
// the file: do not print them.
type Remote struct {
	Name, Type string
	Options    map[string]string

	others map[string]*Remote // of the same file, by name
}

// inner returns the remote that r stands on, nil if there is none or it cannot be told.
func (r *Remote) inner() *Remote {
	if r == nil || r.others == nil {
		return nil
	}
	name, _, ok := strings.Cut(r.Options["remote"], ":")
	if other := r.others[name]; ok && other != r {
		return other
	}
	return nil
}

// wrappers are the types of remotes that stand on others.
var wrappers = map[string]bool{
	"alias": true, "archive": true, "cache": true, "chunker": true, "combine": true, "compress": true, "crypt": true, "hasher": true, "union": true,
}

// mayEndInDrive tells whether what r is given may come to Google Drive: r is one, or stands on
// one or on what cannot be told.
func (r *Remote) mayEndInDrive() bool {
	for in := r.inner(); in != nil; in = r.inner() {
		r = in
	}
	return r.Type == "drive" || wrappers[r.Type]
}

// DefaultConfigPath returns where rclone keeps its configuration, whether it is there or not.
// The environment does not count: what a volume is must not depend on it.
func DefaultConfigPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "rclone", "rclone.conf")
	if _, err := os.Stat(path); err != nil {
		if home, herr := os.UserHomeDir(); herr == nil {
			if old := filepath.Join(home, ".rclone.conf"); isFile(old) {
				return old, nil
			}
		}
	}
	return path, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// ReadConfig reads an rclone.conf, "" for that at DefaultConfigPath, in the order of the
// file. password is asked if the file is encrypted; nil is as if it had none. A wrong one is
// fs.ErrPermission. Nothing is ever written.
func ReadConfig(path string, password func() (string, error)) ([]Remote, error) {
	if path == "" {
		var err error
		if path, err = DefaultConfigPath(); err != nil {
			return nil, err
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if data, err = decrypt(data, password); err != nil {
		return nil, &iofs.PathError{Op: "read", Path: path, Err: err}
	}
	conf, err := goconfig.LoadFromReader(bytes.NewReader(data))
	if err != nil {
		return nil, &iofs.PathError{Op: "read", Path: path, Err: errors.New("it is not in rclone's format")}
	}
	var remotes []Remote
	others := map[string]*Remote{}
	for _, name := range conf.GetSectionList() {
		if name == goconfig.DEFAULT_SECTION {
			continue
		}
		options, err := conf.GetSection(name)
		if err != nil {
			return nil, err
		}
		kind := options["type"]
		delete(options, "type")
		remotes = append(remotes, Remote{Name: name, Type: kind, Options: options, others: others})
	}
	for i := range remotes {
		others[remotes[i].Name] = &remotes[i]
	}
	return remotes, nil
}

const encryptedMark = "RCLONE_ENCRYPT_V0:"

// decrypt returns what an encrypted file holds, and any other as it is.
func decrypt(data []byte, password func() (string, error)) ([]byte, error) {
	rest := data
	for {
		line, after, more := bytes.Cut(rest, []byte("\n"))
		text := strings.TrimSpace(string(line))
		rest = after
		if text == encryptedMark {
			break
		}
		if strings.HasPrefix(text, "RCLONE_ENCRYPT_V") {
			return nil, errors.New("it is encrypted in a way that is too new")
		}
		if !more || text != "" && text[0] != '#' && text[0] != ';' {
			return data, nil
		}
	}
	if password == nil {
		return nil, fmt.Errorf("it is encrypted and no password was given: %w", iofs.ErrPermission)
	}
	given, err := password()
	if err != nil {
		return nil, err
	}
	box, err := base64.StdEncoding.DecodeString(string(slices.DeleteFunc(bytes.Clone(rest), func(b byte) bool {
		return b == '\n' || b == '\r' || b == ' '
	})))
	if err != nil || len(box) < 24+secretbox.Overhead {
		return nil, errors.New("it is encrypted and damaged")
	}
	key := sha256.Sum256([]byte("[" + norm.NFKC.String(given) + "][rclone-config]"))
	out, ok := secretbox.Open(nil, box[24:], (*[24]byte)(box[:24]), &key)
	if !ok {
		return nil, fmt.Errorf("the password is wrong: %w", iofs.ErrPermission)
	}
	return out, nil
}
