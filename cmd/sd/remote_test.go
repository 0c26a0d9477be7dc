package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sd/internal/testserver"
)

// TestAddRemote reaches a remote of an encrypted configuration, whose password is kept for
// later commands and for mounts. The configuration stays as it was.
func TestAddRemote(t *testing.T) {
	t.Parallel()
	server := testserver.Rclone(t, "webdav")
	program, err := testserver.Tool("rclone")
	if err != nil {
		t.Fatal(err)
	}
	const password = "pass-word-4711"
	s := newSandbox(t)
	file := filepath.Join(s.home, "mine.conf")
	obscured, err := exec.Command(program, "obscure", testserver.RclonePass).Output()
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, fmt.Sprintf("[nas]\ntype = webdav\nurl = http://%s\nvendor = rclone\nuser = %s\npass = %s\n", server.Addr, testserver.RcloneUser, obscured))
	encrypt := exec.Command(program, "config", "encryption", "set", "--config", file, "--password-command", "echo "+password)
	if out, err := encrypt.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	before, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(before), "webdav") {
		t.Fatalf("the configuration is not encrypted: %v", err)
	}
	add := []string{"volume", "add-cloud", "nas", "--service", "rclone", "--remote", "nas", "--rclone-config", file}
	s.run(add...).want(t, 2, "", "RCLONE_CONFIG_PASS")
	s.runWith("", []string{"RCLONE_CONFIG_PASS=wrong"}, add...).want(t, 1, "", "password is wrong")
	s.runWith("", []string{"RCLONE_CONFIG_PASS=" + password}, "volume", "import-rclone", "--rclone-config", file, "--list").want(t, 0, "rclone://nas", "")
	r := s.runWith("", []string{"RCLONE_CONFIG_PASS=" + password}, add...)
	r.want(t, 0, "rclone://nas", "")
	s.useAll("rclone://nas")
	s.run("volume", "add-cloud", "x", "--service", "rclone", "--remote", "none", "--rclone-config", file).want(t, 2, "", "")
	s.runWith(password, nil, "volume", "login", "nas", "--secret-stdin").want(t, 0, "", "rclone config reconnect nas:")
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("the configuration was changed: %v", err)
	}
	s.holdsNone(r.out+r.err, password)
}

// TestConfigByVariable keeps where the configuration lies if the environment told it: whoever
// opens the volume later need not have the variable, or may have another one.
func TestConfigByVariable(t *testing.T) {
	t.Parallel()
	server := testserver.Rclone(t, "webdav")
	s := newSandbox(t)
	program, err := testserver.Tool("rclone")
	if err != nil {
		t.Fatal(err)
	}
	obscured, err := exec.Command(program, "obscure", testserver.RclonePass).Output()
	if err != nil {
		t.Fatal(err)
	}
	add := []string{"volume", "add-cloud", "nas", "--service", "rclone", "--remote", "nas"}
	for _, args := range [][]string{add, {"volume", "import-rclone"}} {
		s.run(args...).want(t, 1, "", "rclone.conf is not there: 'rclone config' makes it, or --rclone-config names another")
	}
	file := filepath.Join(s.home, "mine.conf")
	writeFile(t, file, fmt.Sprintf("[nas]\ntype = webdav\nurl = http://%s\nvendor = rclone\nuser = %s\npass = %s\n", server.Addr, testserver.RcloneUser, obscured))
	env := []string{"RCLONE_CONFIG=mine.conf"} // where the command is started
	s.runWith("", env, add...).want(t, 0, "rclone://nas", "")
	s.must("volume", "list").want(t, 0, "config_file="+file, "")
	s.useAll("rclone://nas")
	s.runWith("", []string{"RCLONE_CONFIG=/not/there"}, "volume", "test", "nas").want(t, 0, "answers", "")
	s.runWith("", env, "volume", "import-rclone", "--list").want(t, 0, "there already", "")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	s.run("volume", "test", "nas").want(t, 1, "", "mine.conf is not there")
}
