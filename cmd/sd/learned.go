package main

import (
	"context"
	"time"

	"sd/library"
)

// learned keeps what was found out about a volume's server in the library, so that each
// process need not find out anew.
type learned struct {
	library     *library.Library
	fingerprint string
}

// learnedTimeout bounds the wait for a library that others write to. What is not kept is
// found out again.
const learnedTimeout = 2 * time.Second

func (l learned) setting() string { return "server/" + l.fingerprint }

// Recall returns what was kept last.
func (l learned) Recall() []byte {
	ctx, cancel := context.WithTimeout(context.Background(), learnedTimeout)
	defer cancel()
	text, _, _ := l.library.Setting(ctx, l.setting())
	return []byte(text)
}

// Keep replaces it.
func (l learned) Keep(text []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), learnedTimeout)
	defer cancel()
	_ = l.library.SetSetting(ctx, l.setting(), string(text))
}

// forget drops it, with the volume.
func (l learned) forget(ctx context.Context) error { return l.library.RemoveSetting(ctx, l.setting()) }
