package identity

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:generate go run gen.go

// wide tells whether this processor has what compress16 needs.
var wide = cpu.X86.HasAVX512F

// compress16 compresses 16 times some blocks of 64 bytes, side by side: those of lane i begin
// at in + i*stride. The counter of lane i is counter + i*step, without a carry out of its
// lower half. flags are those of every block; the first one and the last one have more.
//
//go:noescape
func compress16(out *[16]chaining, in *byte, stride, blocks int, counter uint64, step, flags, first, last uint32)

// firstByte is where chaining values begin in memory, which has them as BLAKE3 does.
func firstByte(cv *chaining) *byte { return (*byte)(unsafe.Pointer(cv)) }
