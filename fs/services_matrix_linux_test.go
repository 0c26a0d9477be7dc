package fs_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"sd/internal/services"
)

// note says what came of one row of a suite: "ok", the errno of what a service cannot, a
// number, or "FAILED".
type note struct{ Suite, Row, What string }

// matrix gathers what came out, service by row.
type matrix struct {
	mu   sync.Mutex
	rows [][2]string // suite and row, in the order of their coming
	got  map[[3]string]string
}

func (m *matrix) add(service string, n note) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.got == nil {
		m.got = map[[3]string]string{}
	}
	if row := [2]string{n.Suite, n.Row}; !slices.Contains(m.rows, row) {
		m.rows = append(m.rows, row)
	}
	m.got[[3]string{service, n.Suite, n.Row}] = n.What
}

// String is the table, a row a line, and below it how many rows of each suite were done.
func (m *matrix) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	line := func(what string, of func(service string) string) {
		fmt.Fprintf(&b, "\n%-52s", what)
		for _, s := range services.All() {
			fmt.Fprintf(&b, " %-9s", cmp.Or(of(s.Name), "-"))
		}
	}
	line("", func(service string) string { return service })
	for _, row := range m.rows {
		line(row[0]+": "+row[1], func(service string) string { return m.got[[3]string{service, row[0], row[1]}] })
	}
	for _, suite := range serviceSuites {
		line("rows of "+suite.name, func(service string) string { return m.counts(service, suite.name) })
	}
	return b.String()
}

// counts tells how many rows of a suite were done, and of how many it is known that the service
// cannot do them. m.mu is held.
func (m *matrix) counts(service, suite string) string {
	done, cannot := 0, 0
	for _, row := range m.rows {
		switch what := m.got[[3]string{service, suite, row[1]}]; {
		case row[0] != suite || what == "":
		case suite == "cases" && what != "ok":
			cannot++
		default:
			done++
		}
	}
	switch {
	case done+cannot == 0:
		return ""
	case cannot == 0:
		return fmt.Sprint(done)
	}
	return fmt.Sprintf("%d (+%d)", done, cannot)
}

// outcome is how an error shows in the matrix.
func outcome(err error) string {
	var errno unix.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, unix.EHOSTUNREACH):
		return "unreach"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}
