package plan

import (
	"time"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
)

// planner makes one plan. It is for one goroutine.
type planner struct {
	env    Env
	spec   *steps.Spec
	w      *steps.Writer
	sum    steps.Summary
	filter *compare.Filter

	refs  []steps.StoreRef
	index map[string]int       // of refs, by Store.Key
	known map[stores.Store]int // of refs, without asking for the Key

	seen     Progress
	reported time.Time
	load     load
	pseudo   []string // where pseudo file systems and mounts of sd are; nil until somebody asks
}

// moving tells whether sources go away.
func (p *planner) moving() bool { return p.spec.Action == steps.Move }

// ref names a file in a step.
func (p *planner) ref(st stores.Store, name string) steps.Ref {
	i, ok := p.known[st]
	if !ok {
		key := st.Key()
		if i, ok = p.index[key]; !ok {
			i = len(p.refs)
			p.refs = append(p.refs, st.Ref())
			p.index[key] = i
		}
		p.known[st] = i
	}
	return steps.Ref{Store: i, Name: name}
}

// sameStore tells whether two stores are one.
func sameStore(a, b stores.Store) bool {
	return a == b || isLocalStore(a) == isLocalStore(b) && a.Key() == b.Key()
}

// look counts a file that was looked at.
func (p *planner) look(bytes int64) {
	p.seen.Files++
	p.seen.Bytes += bytes
	if p.seen.Files%1024 == 0 {
		p.progress(false)
	}
}

func (p *planner) progress(last bool) {
	if p.env.Progress == nil {
		return
	}
	if now := time.Now(); last || now.Sub(p.reported) >= 100*time.Millisecond {
		p.reported = now
		p.env.Progress(p.seen)
	}
}

func (p *planner) deny(from, to, why string) {
	p.sum.Deny(steps.Conflict{From: from, To: to, Why: why})
}

func (p *planner) conflict(from, to, why string) {
	p.sum.Conflict(steps.Conflict{From: from, To: to, Why: why})
}

func uri(st stores.Store, name string) string { return st.URI(name).String() }
