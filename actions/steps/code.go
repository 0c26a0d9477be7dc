package steps

import (
	"encoding/binary"
	"errors"

	"sd/backends"
)

// errDamaged says that bytes are no step or record.
var errDamaged = errors.New("damaged")

// An encoder appends values to a slice. Strings are cut by the start that they share with
// an earlier one, because the names of a plan are long and much alike.
type encoder []byte

func (e *encoder) uint(v uint64) { *e = binary.AppendUvarint(*e, v) }
func (e *encoder) int(v int64)   { *e = binary.AppendVarint(*e, v) }

func (e *encoder) string(s string) {
	e.uint(uint64(len(s)))
	*e = append(*e, s...)
}

// like appends s, of which the reader knows before.
func (e *encoder) like(s, before string) {
	n := 0
	for n < len(s) && n < len(before) && s[n] == before[n] {
		n++
	}
	e.uint(uint64(n))
	e.string(s[n:])
}

// A decoder takes the values off a slice again. After the first mistake all are zero.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) string() string { return string(d.bytes()) }

func (d *decoder) like(before string) string {
	n := d.uint()
	rest := d.bytes()
	if n > uint64(len(before)) {
		d.fail()
		return ""
	}
	if len(rest) == 0 {
		return before[:n]
	}
	return before[:n] + string(rest)
}

func (d *decoder) fail() { d.rest, d.bad = nil, true }

// end tells whether all was read, and was right.
func (d *decoder) end() error {
	if d.bad || len(d.rest) > 0 {
		return errDamaged
	}
	return nil
}

// Bits of a step.
const (
	hasAbsent = 1 << iota
	hasBarrier
	hasNear
	hasOver
	hasLink
	hasSum
	hasAfter
	hasNote
	hasFrom
	hasTo
	hasFile // size, time, mode or version
	hasOf
)

// encode appends s as the one that follows before.
func (s *Step) encode(e *encoder, before *Step) {
	bits := uint64(0)
	for _, b := range []struct {
		is  bool
		bit uint64
	}{
		{s.Absent, hasAbsent}, {s.Barrier, hasBarrier}, {s.Near != nil, hasNear},
		{s.Over != "" || s.OverSize != 0 || s.OverTime != 0, hasOver}, {s.Link != "", hasLink}, {s.Sum != "", hasSum},
		{s.After != 0, hasAfter}, {s.Note != "", hasNote}, {s.From != Ref{}, hasFrom}, {s.To != Ref{}, hasTo},
		{s.Size != 0 || s.ModTime != 0 || s.Mode != 0 || s.Version != "", hasFile},
		{s.Of != 0, hasOf},
	} {
		if b.is {
			bits |= b.bit
		}
	}
	e.uint(bits)
	*e = append(*e, byte(s.Op), byte(s.Method), byte(s.Kind))
	if bits&hasFrom != 0 {
		e.uint(uint64(s.From.Store))
		e.like(s.From.Name, before.From.Name)
	}
	if bits&hasTo != 0 {
		e.uint(uint64(s.To.Store))
		e.like(s.To.Name, before.To.Name)
	}
	if bits&hasFile != 0 {
		e.int(s.Size)
		e.int(s.ModTime)
		e.uint(uint64(s.Mode))
		e.string(s.Version)
	}
	if bits&hasLink != 0 {
		e.string(s.Link)
	}
	if bits&hasSum != 0 {
		e.string(s.Sum)
	}
	if bits&hasOver != 0 {
		e.string(s.Over)
		e.int(s.OverSize)
		e.int(s.OverTime)
	}
	if bits&hasNear != 0 {
		e.uint(uint64(s.Near.Store))
		e.string(s.Near.Name)
		e.string(s.NearVersion)
	}
	if bits&hasAfter != 0 {
		e.int(s.After)
	}
	if bits&hasNote != 0 {
		e.string(s.Note)
	}
	if bits&hasOf != 0 {
		e.int(s.Of)
	}
}

// decode reads the step that follows before. N is the caller's to set.
func (s *Step) decode(text []byte, before *Step) error {
	d := decoder{rest: text}
	*s = Step{}
	bits := d.uint()
	if len(d.rest) < 3 {
		return errDamaged
	}
	s.Op, s.Method, s.Kind = Op(d.rest[0]), Method(d.rest[1]), backends.Kind(d.rest[2])
	d.rest = d.rest[3:]
	s.Absent, s.Barrier = bits&hasAbsent != 0, bits&hasBarrier != 0
	if bits&hasFrom != 0 {
		s.From = Ref{Store: int(d.uint()), Name: d.like(before.From.Name)}
	}
	if bits&hasTo != 0 {
		s.To = Ref{Store: int(d.uint()), Name: d.like(before.To.Name)}
	}
	if bits&hasFile != 0 {
		s.Size, s.ModTime, s.Mode, s.Version = d.int(), d.int(), uint32(d.uint()), d.string()
	}
	if bits&hasLink != 0 {
		s.Link = d.string()
	}
	if bits&hasSum != 0 {
		s.Sum = d.string()
	}
	if bits&hasOver != 0 {
		s.Over, s.OverSize, s.OverTime = d.string(), d.int(), d.int()
	}
	if bits&hasNear != 0 {
		s.Near = &Ref{Store: int(d.uint()), Name: d.string()}
		s.NearVersion = d.string()
	}
	if bits&hasAfter != 0 {
		s.After = d.int()
	}
	if bits&hasNote != 0 {
		s.Note = d.string()
	}
	if bits&hasOf != 0 {
		s.Of = d.int()
	}
	return d.end()
}
