package fs_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sd/internal/services"
)

// serviceSuites are what is done with services, in this order.
var serviceSuites = []struct {
	name  string
	every bool // else only with one service of those that are alike
	do    func(t *testing.T, s services.Service, note noting)
}{
	{"requests", false, countRequests},
	{"cases", true, doCases},
	{"programs", false, tryPrograms},
	{"faults", false, endureFaults},
	{"kill", false, surviveKills},
}

// noting tells what came of one row of a suite.
type noting func(row, what string)

// serviceEnv names the service that a process does the suites with, and notesEnv the file that
// gets what came of it.
const serviceEnv, notesEnv = "SD_TEST_SERVICE", "SD_TEST_NOTES"

// TestServices does every suite with every service, several services at the same time, for they
// wait most of it. Each has a process of its own. In one process all programs that any test begins
// would hold the open files of the others until they run, and then close them: files would be
// saved too soon, errors told to the wrong one, and mounts busy; and when they end the signal
// interrupts whoever waits.
func TestServices(t *testing.T) {
	if name := os.Getenv(serviceEnv); name != "" {
		testService(t, services.Named(name)[0])
		return
	}
	var results matrix
	defer func() { t.Log(results.String()) }()
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, 2*runtime.NumCPU())
	for _, s := range services.All() {
		running.Go(func() {
			t.Run(s.Name, func(t *testing.T) {
				places <- struct{}{}
				defer func() { <-places }()
				inOwnProcess(t, s, &results)
			})
		})
	}
}

// testService does the suites with one service, and notes what came of them.
func testService(t *testing.T, s services.Service) {
	notes, err := os.OpenFile(os.Getenv(notesEnv), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	must(t, err)
	defer notes.Close()
	t.Run(s.Name, func(t *testing.T) {
		for _, suite := range serviceSuites {
			if !suite.every && s.Like != "" {
				continue
			}
			t.Run(suite.name, func(t *testing.T) {
				suite.do(t, s, func(row, what string) {
					line, err := json.Marshal(note{suite.name, row, what})
					must(t, err)
					_, err = notes.Write(append(line, '\n'))
					must(t, err)
				})
			})
		}
	})
}

// inOwnProcess runs the test for one service in this binary once more.
func inOwnProcess(t *testing.T, s services.Service, results *matrix) {
	t.Helper()
	dir := t.TempDir()
	exe, err := os.Executable()
	must(t, err)
	run := "^TestServices$"
	if _, below, ok := strings.Cut(flag.Lookup("test.run").Value.String(), "/"); ok {
		run += "/" + below
	}
	said, err := os.Create(filepath.Join(dir, "said"))
	must(t, err)
	defer said.Close()
	cmd := exec.Command(exe, "-test.run", run, "-test.v", "-test.timeout", flag.Lookup("test.timeout").Value.String())
	notes := filepath.Join(dir, "notes")
	cmd.Env = append(os.Environ(), serviceEnv+"="+s.Name, notesEnv+"="+notes)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// A child is killed when the thread ends that began it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(said.Name())
		t.Errorf("%v\n%s", err, text)
	}
	text, err := os.ReadFile(notes)
	must(t, err)
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var n note
		must(t, json.Unmarshal(lines.Bytes(), &n))
		results.add(s.Name, n)
	}
}
