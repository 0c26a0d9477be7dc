package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Ctrl-C ends a verification with what it has come to.
func TestVerifyIsInterrupted(t *testing.T) {
	s := lasting(t)
	docs := filepath.Join(s.home, "docs")
	name := filepath.Join(docs, "huge")
	writeFile(t, name, "")
	if err := os.Truncate(name, 64<<30); err != nil {
		t.Skip("no file of 64 GiB, not even of holes: ", err)
	}
	s.must("location", "add", "docs", "--mode", "shallow")
	var out, errOut bytes.Buffer
	cmd := s.command("verify", "docs")
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file is being read", func() bool {
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", cmd.Process.Pid))
		for _, fd := range fds {
			if to, err := os.Readlink(fd); err == nil && to == name {
				return true
			}
		}
		return false
	})
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	result{args: cmd.Args[1:], out: out.String(), err: errOut.String(), code: cmd.ProcessState.ExitCode()}.want(t, 1, "interrupted; so far:\nno files\n", "")
	s.must("duplicates").want(t, 0, "whose content is not known yet", "")
}
