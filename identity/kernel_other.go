//go:build !amd64

package identity

const wide = false

func compress16(out *[16]chaining, in *byte, stride, blocks int, counter uint64, step, flags, first, last uint32) {
	panic("identity: no AVX-512 here")
}

func firstByte(*chaining) *byte { return nil }
