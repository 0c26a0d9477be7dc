package transfer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"sd/backends"
)

// saved is how far a large file has come: Task.Saved. What another version of the source, or
// other parts, have left is of no use.
type saved struct {
	Source string // its version
	Size   int64
	Part   int64 // bytes of each part but the last

	// Begun is when an upload was about to be begun, as long as its id is not known.
	Begun  time.Time       `json:",omitzero"`
	Upload string          `json:",omitempty"` // the id of the upload in parts
	Sent   []backends.Part `json:",omitempty"` // those that have arrived

	Boot    string  `json:",omitempty"` // when the hidden file was made
	Inode   uint64  `json:",omitempty"` // of the hidden file
	Born    int64   `json:",omitempty"` // when that was made, nanoseconds; 0 where the file system does not know
	Written []int64 `json:",omitempty"` // parts that are in the hidden file, from 0 on

	// Roots are what is known of parts whose bytes are not here any more.
	Roots map[int64][]byte `json:",omitempty"`
}

// saveEvery is how often what was reached is kept, at most.
const saveEvery = 500 * time.Millisecond

// keeper has the present state, and gives it to Task.Save now and then.
type keeper struct {
	task *Task

	mu    sync.Mutex
	state saved
	last  time.Time
	err   error // of Save
	gone  bool
}

// recall returns the keeper of a Task, with what was saved of the same source and parts, if
// anything was.
func recall(task *Task, part int64) *keeper {
	k := &keeper{task: task}
	fresh := saved{Source: cmp.Or(task.content, task.Source.Version), Size: task.Source.Size, Part: part}
	if len(task.Saved) == 0 || json.Unmarshal(task.Saved, &k.state) != nil ||
		k.state.Source != fresh.Source || k.state.Size != fresh.Size || k.state.Part != fresh.Part {
		k.state = fresh
	}
	return k
}

// reset forgets all but what is to be moved.
func (k *keeper) reset() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state = saved{Source: k.state.Source, Size: k.state.Size, Part: k.state.Part}
}

// change applies fn to the state and saves it if that has not been done lately, or must be
// done now.
func (k *keeper) change(now bool, fn func(*saved)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	fn(&k.state)
	if k.task.Save == nil || k.gone || !now && time.Since(k.last) < saveEvery {
		return k.err
	}
	return k.save()
}

// save needs mu.
func (k *keeper) save() error {
	text, err := json.Marshal(&k.state)
	if err == nil {
		err = k.task.Save(text)
	}
	k.last = time.Now()
	if k.err == nil {
		k.err = err
	}
	return k.err
}

// leave saves the last state, for who goes on.
func (k *keeper) leave() {
	_ = k.change(true, func(*saved) {})
}

// forget tells that nothing is left to go on with.
func (k *keeper) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.task.Save != nil && !k.gone && !k.last.IsZero() {
		_ = k.task.Save(nil)
	}
	k.gone = true
}

// lasting tells whether what was done before err is to be kept: the same Task may go on with it
// when the network is back, or by another process.
func (task *Task) lasting(ctx context.Context, err error) bool {
	switch {
	case task.Save == nil:
		return false
	case task.more && ctx.Err() == nil:
		return !ofTarget(err) && !errors.As(err, new(*CorruptError))
	}
	return !task.fleeting && (ctx.Err() != nil || errors.Is(err, backends.ErrOffline))
}

// sent are the parts by number, and known tells whether one has arrived.
func (s *saved) sent() map[int]backends.Part {
	parts := make(map[int]backends.Part, len(s.Sent))
	for _, p := range s.Sent {
		parts[p.Num] = p
	}
	return parts
}

// list are the parts in order.
func list(parts map[int]backends.Part) []backends.Part {
	return slices.SortedFunc(maps.Values(parts), func(a, b backends.Part) int { return a.Num - b.Num })
}
