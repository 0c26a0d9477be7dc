//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is what the figures depend on.
type machine struct {
	when            time.Time
	revision        string // of sd
	cores           int
	processor       string
	memory          int64 // bytes
	kernel, goes    string
	user            string
	dir, fileSystem string
	load            string // runnable processes when the run began, as uptime shows it
}

// thisMachine looks at the machine; dir is where files will lie.
func thisMachine(dir string) machine {
	m := machine{
		when: time.Now(), revision: "unknown", cores: runtime.NumCPU(), processor: "unknown processor", kernel: "unknown",
		goes: runtime.Version(), user: "an ordinary user", dir: dir, fileSystem: fileSystem(dir), load: "unknown",
	}
	if out, err := exec.Command("git", "-c", "safe.directory=*", "describe", "--tags", "--always", "--dirty").Output(); err == nil {
		m.revision = strings.TrimSpace(string(out))
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, tail, ok := strings.Cut(string(text), "model name"); ok {
			line, _, _ := strings.Cut(tail, "\n")
			m.processor = strings.Trim(line, "\t :")
		}
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			m.memory = kib << 10
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.kernel = unix.ByteSliceToString(u.Release[:])
	}
	if os.Geteuid() == 0 {
		m.user = "root"
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.load, _, _ = strings.Cut(string(text), " ")
	}
	return m
}

// busy tells whether others were at work when the run began.
func (m machine) busy() bool {
	load, err := strconv.ParseFloat(m.load, 64)
	return err == nil && load > 0.5*float64(m.cores)
}

func (m machine) String() string {
	text := fmt.Sprintf("%s, sd %s: %d cores (%s), %.0f GiB memory, Linux %s, %s, as %s; files on %s; load %s at the start.",
		m.when.UTC().Format("2006-01-02 15:04 UTC"), m.revision, m.cores, m.processor, float64(m.memory)/(1<<30),
		m.kernel, m.goes, m.user, m.fileSystem, m.load)
	if m.busy() {
		text += " **The machine was busy with other work: these figures are too low and uneven.**"
	}
	return text
}
