package fs

import (
	"context"
	"sync"
	"time"
)

// patience is how long a call goes on that was interrupted.
const patience = time.Second

// patient gives a context that outlives an interruption of ctx by a second: signals
// that do not end the caller, such as those of Go's scheduler, must not fail a call
// that is about to succeed, and Ctrl-C must end it. It costs nothing until somebody
// waits for its end.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	p := &patientContext{Context: ctx, done: make(chan struct{}), quit: make(chan struct{})}
	return p, p.cancel
}

type patientContext struct {
	context.Context // the caller's, for its values
	done            chan struct{}
	quit            chan struct{} // closed by cancel
	watch           sync.Once
	once            sync.Once

	mu  sync.Mutex
	err error
}

// Deadline says that there is none.
func (p *patientContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done is closed a second after the caller was interrupted, or by cancel.
func (p *patientContext) Done() <-chan struct{} {
	p.watch.Do(func() {
		interrupted := p.Context.Done()
		if interrupted == nil {
			return
		}
		go func() {
			select {
			case <-interrupted:
			case <-p.quit:
				return
			}
			timer := time.NewTimer(patience)
			defer timer.Stop()
			select {
			case <-timer.C:
				p.end()
			case <-p.quit:
			}
		}()
	})
	return p.done
}

// Err is context.Canceled once Done is closed.
func (p *patientContext) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *patientContext) cancel() {
	p.once.Do(func() { close(p.quit) })
	p.end()
}

func (p *patientContext) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = context.Canceled
		close(p.done)
	}
}
