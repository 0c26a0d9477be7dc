package doctor

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"sync"

	"sd/backends"
)

// Conditions are tried by races: whoever believes that he has won is counted. A server that
// ignores a condition may still let one win by chance, so what it answers to a request that
// it must refuse counts as well, where the store can ask that.

const (
	writers = 8 // of each race
	rounds  = 3
)

// race lets n writers start at the same moment. It returns who won, and an error that says
// neither yes nor no.
func race(n int, attempt func(i int) error) (won []int, strange error) {
	results := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			results[i] = attempt(i)
		})
	}
	close(start)
	all.Wait()
	for i, err := range results {
		switch {
		case err == nil:
			won = append(won, i)
		case errors.Is(err, iofs.ErrExist), errors.Is(err, backends.ErrChanged), errors.Is(err, iofs.ErrNotExist), errors.Is(err, backends.ErrNoUpload):
		default:
			strange = err
		}
	}
	return won, strange
}

// outcome is that of some races about one condition.
type outcome struct {
	most    int  // who believed to have won, at the most
	none    bool // nobody did, once
	wrong   bool // what is there is not the winner's
	strange error
}

func (o *outcome) add(won []int, strange error) {
	o.most = max(o.most, len(won))
	o.none = o.none || len(won) == 0
	if strange != nil {
		o.strange = strange
	}
}

const looksFirst = "looks right before it writes; who writes in between is overwritten"

// judge puts an outcome into words. Heeds is what the server was found to heed besides.
func (r *run) judge(o outcome, n int, heeds func(*backends.Capabilities) bool) Row {
	known := r.heeds
	switch {
	case o.strange != nil && o.most == 0:
		return r.failed(o.strange, "fails likewise")
	case o.wrong:
		return Row{Found: "what is there is not what the one winner wrote", Does: "nothing can be done: do not let two machines write here", Level: Fail}
	case o.none:
		return Row{Found: fmt.Sprintf("of %d writers at once none won", n), Does: "tries again", Level: Warn}
	case o.most > 1 && known != nil && heeds(known):
		return Row{
			Found: fmt.Sprintf("the server heeds this most of the time: %d of %d writers at once won, once", o.most, n),
			Does:  "nothing: of two machines that write a file at the same moment, one may lose what it wrote", Level: Warn,
		}
	case o.most > 1:
		return Row{Found: fmt.Sprintf("not heeded: %d of %d writers at once believed that they had won", o.most, n), Does: looksFirst, Level: Warn}
	case known != nil && !heeds(known):
		return Row{Found: fmt.Sprintf("not heeded by the server, though of %d writers at once here one won", n), Does: looksFirst, Level: Warn}
	}
	return Row{Found: fmt.Sprintf("of %d writers at once one won, %s of %d", n, times(rounds), rounds), Level: OK}
}

// ask asks what the server heeds.
func (r *run) ask(ctx context.Context) {
	if p, ok := r.Backend.(backends.Prober); ok {
		if found, err := p.Capabilities(ctx); err == nil {
			r.heeds = &found
		}
	}
}

func (r *run) createIfAbsent(ctx context.Context) Row {
	r.ask(ctx)
	var o outcome
	for round := range rounds {
		name := fmt.Sprint("absent-", round)
		won, strange := race(writers, func(i int) error {
			_, err := r.put(ctx, name, fmt.Sprint("writer ", i), backends.Meta{}, backends.Cond{Absent: true})
			return err
		})
		o.add(won, strange)
		o.wrong = o.wrong || !r.holds(ctx, name, "writer ", won)
	}
	return r.judge(o, writers, func(c *backends.Capabilities) bool { return c.PutAbsent })
}

// holds tells whether a file is that of the only winner.
func (r *run) holds(ctx context.Context, name, text string, won []int) bool {
	if len(won) != 1 {
		return true
	}
	got, err := r.get(ctx, name, "", 0, -1)
	return err != nil || got == fmt.Sprint(text, won[0])
}

func (r *run) replaceIfUnchanged(ctx context.Context) Row {
	var o outcome
	for round := range rounds {
		name := fmt.Sprint("version-", round)
		first, err := r.putPlain(ctx, name, "first")
		if err != nil {
			return r.failed(err, "")
		}
		won, strange := race(writers, func(i int) error {
			_, err := r.put(ctx, name, fmt.Sprint("writer ", i), backends.Meta{}, backends.Cond{Version: first.Version})
			return err
		})
		o.add(won, strange)
		o.wrong = o.wrong || !r.holds(ctx, name, "writer ", won)
	}
	return r.judge(o, writers, func(c *backends.Capabilities) bool { return c.PutVersion })
}

// removeIfUnchanged has a file removed and replaced at once.
func (r *run) removeIfUnchanged(ctx context.Context) Row {
	remover := r.Backend.(backends.Remover)
	var o outcome
	for round := range rounds {
		name := fmt.Sprint("removed-", round)
		first, err := r.putPlain(ctx, name, "first")
		if err != nil {
			return r.failed(err, "")
		}
		c := backends.Cond{Version: first.Version}
		o.add(race(2, func(i int) error {
			if i == 0 {
				return remover.Remove(ctx, r.at(name), c)
			}
			_, err := r.put(ctx, name, "second", backends.Meta{}, c)
			return err
		}))
		// And one that is late for certain.
		if _, err := r.putPlain(ctx, name, "the third"); err != nil {
			return r.failed(err, "")
		}
		if err := remover.Remove(ctx, r.at(name), c); err == nil {
			return Row{Found: "a file that has changed was removed", Does: "nothing can be done: do not let two machines write here", Level: Fail}
		}
	}
	return r.judge(o, 2, func(c *backends.Capabilities) bool { return c.RemoveVersion && c.PutVersion })
}

// commitIfAbsent has uploads of one file end at once.
func (r *run) commitIfAbsent(ctx context.Context) Row {
	const n = 4
	var o outcome
	for round := range rounds {
		name := fmt.Sprint(uploadPrefix, "absent-", round)
		uploads, parts := make([]backends.Upload, n), make([]backends.Part, n)
		for i := range n {
			u, err := r.begin(ctx, name)
			if err != nil {
				return r.failed(err, "")
			}
			text := fmt.Sprint("upload ", i)
			if parts[i], err = u.Part(ctx, 1, reader(text), int64(len(text))); err != nil {
				return r.failed(err, "")
			}
			uploads[i] = u
		}
		won, strange := race(n, func(i int) error {
			_, err := uploads[i].Commit(ctx, parts[i:i+1], backends.Cond{Absent: true})
			return err
		})
		o.add(won, strange)
		o.wrong = o.wrong || !r.holds(ctx, name, "upload ", won)
	}
	return r.judge(o, n, func(c *backends.Capabilities) bool { return c.CommitAbsent })
}

// copyIfAbsent has copies of several files made under one name at once.
func (r *run) copyIfAbsent(ctx context.Context) Row {
	const n = 4
	copier := r.Backend.(backends.Copier)
	sources := make([]backends.Entry, n)
	for i := range n {
		var err error
		if sources[i], err = r.putPlain(ctx, fmt.Sprint("source-", i), fmt.Sprint("source ", i)); err != nil {
			return r.failed(err, "")
		}
	}
	var o outcome
	for round := range rounds {
		name := fmt.Sprint("copied-", round)
		dst := r.note(name)
		won, strange := race(n, func(i int) error {
			_, err := copier.Copy(ctx, dst, r.at(fmt.Sprint("source-", i)), backends.CopyOptions{
				Source: sources[i].Version, Size: sources[i].Size, Cond: backends.Cond{Absent: true},
			})
			return err
		})
		o.add(won, strange)
		o.wrong = o.wrong || !r.holds(ctx, name, "source ", won)
	}
	return r.judge(o, n, func(c *backends.Capabilities) bool { return c.CopyAbsent })
}

// copyIfUnchanged asks for a copy of a version that was replaced.
func (r *run) copyIfUnchanged(ctx context.Context) Row {
	first, err := r.putPlain(ctx, "original", "first")
	if err == nil {
		_, err = r.putPlain(ctx, "original", "another one")
	}
	if err != nil {
		return r.failed(err, "")
	}
	dst := r.note("copy of the first")
	_, err = r.Backend.(backends.Copier).Copy(ctx, dst, r.at("original"), backends.CopyOptions{Source: first.Version, Size: first.Size})
	switch known := r.heeds; {
	case err == nil:
		return Row{Found: "a version that was replaced was copied as another", Does: "nothing can be done: do not let two machines write here", Level: Fail}
	case !errors.Is(err, backends.ErrChanged):
		return r.failed(err, "")
	case known != nil && !known.CopySource:
		return Row{Found: "not heeded by the server", Does: "looks right before it copies; what is changed in between is copied as it then is", Level: Warn}
	}
	return Row{Found: "a version that was replaced is not copied", Level: OK}
}
