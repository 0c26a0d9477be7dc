package identity

import "runtime"

const mib = 1 << 20

// usual are the part sizes of programs that upload to S3, the likelier ones first: the
// AWS CLI and SDKs (8 MiB), rclone and others (5 MiB), MinIO's client, the console of AWS,
// s3cmd, s3fs, and round decimal numbers.
var usual = []int64{
	8 * mib, 5 * mib, 16 * mib, 64 * mib, 10 * mib, 15 * mib, 17_179_870, 128 * mib, 32 * mib,
	6 * mib, 7 * mib, 20 * mib, 25 * mib, 50 * mib, 100 * mib, 256 * mib, 512 * mib, 1024 * mib, 5120 * mib,
	5_000_000, 8_000_000, 10_000_000, 16_000_000, 50_000_000, 100_000_000,
}

// maxPartings is how many ways to cut a file are tried at most.
const maxPartings = 12

// cut is one part.
type cut struct{ off, size int64 }

// partings are the usual ways to cut a file of size bytes into that many parts.
func partings(size int64, parts int) [][]cut {
	if size <= 0 || parts <= 0 || parts > 10_000 || int64(parts) > size {
		return nil
	}
	if parts == 1 {
		return [][]cut{{{0, size}}}
	}
	n := int64(parts)
	low, high := (size+n-1)/n, (size-1)/(n-1) // of parts of one size
	var list [][]cut
	tried := make(map[int64]bool)
	try := func(p int64) {
		if p >= low && p <= high && !tried[p] && len(list) < maxPartings {
			tried[p] = true
			list = append(list, evenly(size, p))
		}
	}
	for _, p := range usual {
		try(p)
	}
	if g := growing(size); len(g) == parts && size > growFirst*growUnit {
		list = append(list, g)
	}
	// Doubled until it fits, or rounded up to a whole MiB: what programs do for files of
	// more than 10,000 parts.
	for p := int64(mib); p <= high; p *= 2 {
		try(p)
	}
	for p := int64(5 * mib); p <= high; p *= 2 {
		try(p)
	}
	for p := (low + mib - 1) / mib * mib; p <= high && len(list) < maxPartings; p += mib {
		try(p)
	}
	try(low) // equal parts
	return list
}

func evenly(size, part int64) []cut {
	list := make([]cut, 0, (size+part-1)/part)
	for off := int64(0); off < size; off += part {
		list = append(list, cut{off, min(part, size-off)})
	}
	return list
}

// What sd writes itself: a thousand parts of one unit, then larger ones.
const (
	growUnit                = 8 * mib
	growFirst, growSecond   = 1000, 3000
	growMedium, growLargest = 8, 128
)

func growing(size int64) []cut {
	var list []cut
	for off := int64(0); off < size; {
		part := int64(growUnit)
		switch n := len(list); {
		case n >= growFirst+growSecond:
			part *= growLargest
		case n >= growFirst:
			part *= growMedium
		}
		list = append(list, cut{off, min(part, size-off)})
		off += part
	}
	return list
}

// workers is how many goroutines share n pieces of work that need the processor.
func workers(n int) int { return min(runtime.GOMAXPROCS(0), n) }
