package staging

import (
	"context"
	"hash"
	"io"

	"sd/identity"
)

// sum is the BLAKE3 of a whole view, in hex. Other hashes, which may be nil, are given the
// same bytes.
func sum(ctx context.Context, v *view, other hash.Hash) (string, error) {
	h := identity.New()
	var w io.Writer = h
	if other != nil {
		w = io.MultiWriter(h, other)
	}
	if err := hashInto(w, v.section(ctx, 0, v.size)); err != nil {
		return "", err
	}
	return h.Sum().String(), nil
}

// hashInto reads r to its end.
func hashInto(h io.Writer, r io.Reader) error {
	buf := make([]byte, 256<<10)
	_, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{r}, buf)
	return err
}

// follow hashes parts that were or are being sent, in their order, as long as the next
// one is among them.
func (st *stream) follow() {
	f := st.file
	g := f.store.grid()
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() {
		st.hash.running = false
		st.left()
	}()
	if st.hash.hasher == nil {
		st.hash.hasher = identity.New()
	}
	for st.ctx.Err() == nil && f.commit == nil {
		i := len(st.hash.gens)
		if i >= len(st.sends) || st.sends[i] == 0 {
			return
		}
		gen, s := f.gen(i), g.span(i)
		f.mu.Unlock()
		err := hashInto(st.hash.hasher, &section{ctx: st.ctx, readAt: f.readSome, off: s.off, n: s.end - s.off})
		f.mu.Lock()
		if err != nil || f.gen(i) != gen {
			gen = 0 // never that of a part with bytes: the sum is given up
		}
		st.hash.gens = append(st.hash.gens, gen)
	}
}

// sum finishes the hash for a view with these generations, or returns "" where the
// file was not written from its beginning to its end.
func (st *stream) sum(ctx context.Context, v *view, gens []uint64) string {
	if len(st.hash.gens) == 0 || len(st.hash.gens) > len(gens) {
		return ""
	}
	for i, gen := range st.hash.gens {
		if gen == 0 || gens[i] != gen {
			return ""
		}
	}
	off := st.file.store.grid().span(len(st.hash.gens) - 1).end
	if off > v.size || !v.local(off, v.size) {
		return ""
	}
	h := *st.hash.hasher // a copy: this commit may fail
	if err := hashInto(&h, v.section(ctx, off, v.size-off)); err != nil {
		return ""
	}
	return h.Sum().String()
}
