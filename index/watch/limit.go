package watch

import (
	"fmt"
	"os"
	"strings"
	"time"

	"sd/index"
)

const (
	limitEvery = time.Minute // how often folders that cannot be watched are looked at
	limitRest  = 50          // how many times as long as a look takes at least
	maxTops    = 200         // more looks than that at once, and everything is looked at
)

// limited is the part of a location that cannot be watched, because the system allows no
// more watches. It is looked at now and then. place.mu guards it.
type limited struct {
	tops      map[string]int // the uppermost such folders, and how many there are at each
	at        time.Time      // when they are looked at next; zero: never
	least     time.Duration  // between two looks
	every     time.Duration  // between this one and the next
	overflows int            // how often changes were lost
}

// missed notes a folder that could not be watched. Those above come before those below.
func (m *limited) missed(dir string) {
	if m.tops == nil {
		m.tops = map[string]int{}
	}
	if m.tops[dir] > 0 {
		return
	}
	top := dir
	for up := dir; up != ""; {
		if up = parent(up); m.tops[up] > 0 {
			top = up
			break
		}
	}
	m.tops[top]++
	if m.every == 0 {
		m.every = m.least
	}
	if m.at.IsZero() {
		m.at = time.Now().Add(m.every)
	}
}

// folders is how many there are.
func (m *limited) folders() int {
	n := 0
	for _, below := range m.tops {
		n += below
	}
	return n
}

func (m *limited) next() (time.Time, bool) { return m.at, len(m.tops) > 0 }

// take returns them if they are due; whole says that there are too many.
func (m *limited) take(now time.Time) (looks []index.Dirty, whole bool) {
	if len(m.tops) == 0 || m.at.After(now) {
		return nil, false
	}
	m.at = now.Add(m.every)
	if len(m.tops) > maxTops {
		return nil, true
	}
	for dir := range m.tops {
		looks = append(looks, index.Dirty{Dir: dir, Recursive: true})
	}
	return looks, false
}

// took says how long a look at them has taken.
func (m *limited) took(now time.Time, took time.Duration) {
	m.every = max(m.least, limitRest*took)
	m.at = now.Add(m.every)
}

// forgetBelow drops what is noted of dir and below: it is about to be tried again.
func (m *limited) forgetBelow(dir string) {
	for top := range m.tops {
		if within(top, dir) {
			delete(m.tops, top)
		}
	}
}

// advice says what a person can do about n folders that are not watched.
func (m *limited) advice() string {
	n := m.folders()
	if n == 0 {
		return ""
	}
	text := fmt.Sprintf("%d folders are not watched: changes there show within %v", n, m.every.Round(time.Second))
	have, err := os.ReadFile("/proc/sys/fs/inotify/max_user_watches")
	if err != nil {
		return text
	}
	return text + fmt.Sprintf("; the system allows %s watches, 'sysctl fs.inotify.max_user_watches=%d' allows more",
		strings.TrimSpace(string(have)), enough(string(have), n))
}

// enough is a limit that has room for n more.
func enough(have string, n int) int {
	now := 0
	fmt.Sscan(have, &now)
	limit := 65536
	for limit < now+2*n {
		limit *= 2
	}
	return limit
}
