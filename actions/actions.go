// Package actions changes files the way a user asked for: as a plan that can be looked at
// first, a durable job that does it step by step, and a log of what became of each step.
//
//	draft, err := engine.Plan(ctx, spec, nil) // nothing has happened
//	job, err := draft.Commit(ctx, false)      // the plan is kept, and a row in the audit log
//	outcome, err := engine.Run(ctx, job, nil) // the steps; again after a crash, until it ends
//
// A plan is a file (package steps), written by package plan or syncs, or by the caller. What
// became of its steps is in a journal beside it, so that a job goes on where it was, whoever
// ended it: a user, kill -9, or a loss of power. Each step is conditional on what was planned:
// a file that is not what it was is left alone, and reported.
package actions

import (
	"context"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/library"
	"sd/resolver"
)

// Kind is the library.Job.Kind of actions.
const Kind = "action"

// Config says what an Engine works with; Library and Resolver are needed, and outlive it.
type Config struct {
	Library  *library.Library
	Resolver *resolver.Resolver
	Hooks    stores.Hooks // how a mount hears of changes; zero: there is none
	Log      *slog.Logger // nil is silence
	// Buffers bounds the memory for file content, in bytes; 0 is the default of transfer.Config.
	Buffers int64
}

// Engine plans and runs actions. It is safe for concurrent use. Close it.
type Engine struct {
	cfg      Config
	lib      *library.Library
	resolver *resolver.Resolver
	set      *stores.Set
	log      *slog.Logger
	dir      string // of plans and journals
}

// New returns an Engine.
func New(cfg Config) *Engine {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Engine{
		cfg: cfg, lib: cfg.Library, resolver: cfg.Resolver, log: cfg.Log,
		set: stores.New(cfg.Library, cfg.Resolver, cfg.Hooks),
		dir: filepath.Join(cfg.Library.Dir(), "jobs"),
	}
}

// Close writes what was learned of files and is not written yet.
func (e *Engine) Close() error { return e.set.Close() }

// Stores returns the stores that plans and runs share. They are closed with the Engine.
func (e *Engine) Stores() *stores.Set { return e.set }

// Fill writes the steps of a plan, and returns what they come to and the stores that they
// refer to.
type Fill func(ctx context.Context, w *steps.Writer, set *stores.Set) (steps.Summary, []steps.StoreRef, error)

// PlanFrom makes a plan of the steps that fill writes. The caller ends the Draft by Commit or
// Discard.
func (e *Engine) PlanFrom(ctx context.Context, spec steps.Spec, fill Fill) (*Draft, error) {
	return e.planFrom(ctx, &spec, fill)
}

// planFrom also keeps what fill has put into the spec.
func (e *Engine) planFrom(ctx context.Context, spec *steps.Spec, fill Fill) (*Draft, error) {
	w, err := steps.Create(e.dir)
	if err != nil {
		return nil, err
	}
	summary, refs, err := fill(ctx, w, e.set)
	if err == nil {
		err = w.Finish(steps.Header{Spec: *spec, Stores: refs, Summary: summary})
	}
	if err != nil {
		_ = w.Discard()
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	plan, err := steps.Open(w.Path())
	if err != nil {
		return nil, err
	}
	return &Draft{engine: e, path: w.Path(), plan: plan}, nil
}

// planPath and journalPath are the files of a job, which stay after it.
func (e *Engine) planPath(job int64) string {
	return filepath.Join(e.dir, strconv.FormatInt(job, 10)+".plan")
}

func (e *Engine) journalPath(job int64) string {
	return filepath.Join(e.dir, strconv.FormatInt(job, 10)+".journal")
}

// Title says in a few words what a spec asks for.
func Title(spec *steps.Spec) string {
	if spec.Action == steps.Undo {
		return "undo job " + strconv.FormatInt(spec.Job, 10)
	}
	words := []string{string(spec.Action)}
	switch spec.Action { // as the commands are called
	case steps.Resolve:
		words[0] = "duplicates --resolve"
	case steps.Protect:
		words[0] = "guardian protect"
	}
	if spec.Options.Mode != "" {
		words = append(words, string(spec.Options.Mode))
	}
	switch n := len(spec.Sources); {
	case n > 3:
		words = append(words, spec.Sources[0].String(), "and "+strconv.Itoa(n-1)+" more")
	default:
		for _, s := range spec.Sources {
			words = append(words, s.String())
		}
	}
	if spec.Target.URI != "" {
		words = append(words, "to", spec.Target.String())
	}
	return strings.Join(words, " ")
}
