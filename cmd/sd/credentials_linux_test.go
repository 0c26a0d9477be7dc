package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestInterruptAtPrompt presses Ctrl-C where a secret is asked for: nothing is done, and the
// terminal shows again what is typed.
func TestInterruptAtPrompt(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetUint32(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	shows := func() bool {
		t.Helper()
		state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return state.Lflag&unix.ECHO != 0
	}
	cmd := s.command("volume", "add-cloud", "nas", "--service", "s3", "--bucket", "b", "--endpoint", "http://127.0.0.1:1", "--access-key-id", "K")
	var told bytes.Buffer
	cmd.Stdin, cmd.Stderr = terminal, &told
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the secret is asked for", func() bool { return !shows() })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(told.String(), errNothingDone.Error()) {
		t.Errorf("got status %d and %q", code, told.String())
	}
	if !shows() {
		t.Error("the terminal was left without echo")
	}
	s.must("volume", "list").want(t, 0, "", "")
}
