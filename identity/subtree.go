package identity

import "lukechampine.com/blake3/guts"

// What is hashed at one go: wideChunks chunks, a full subtree of wideHeight over groups.
const (
	wideChunks = 128
	wideSize   = wideChunks * guts.ChunkSize
	wideHeight = 3 // 1<<wideHeight groups
)

// subtree is the root, not yet compressed, of as many full chunks as b has: a power of two,
// from a group to wideSize bytes. counter is the number of the first chunk.
func subtree(b []byte, counter uint64) guts.Node {
	if !wide {
		return subtreeByGroups(b, counter)
	}
	n := len(b) / guts.ChunkSize
	var cvs [wideChunks]chaining
	for i := 0; i < n; i += groupChunks {
		compress16((*[groupChunks]chaining)(cvs[i:]), &b[i*guts.ChunkSize], guts.ChunkSize, guts.ChunkSize/guts.BlockSize,
			counter+uint64(i), 1, 0, guts.FlagChunkStart, guts.FlagChunkEnd)
	}
	for n /= 2; n > 1; n /= 2 {
		for i := 0; i < n; i += groupChunks {
			var parents [groupChunks]chaining // fewer than that count in the end
			compress16(&parents, firstByte(&cvs[2*i]), guts.BlockSize, 1, 0, 0, guts.FlagParent, 0, 0)
			copy(cvs[i:n], parents[:])
		}
	}
	return guts.ParentNode(cvs[0], cvs[1], &guts.IV, 0)
}

// subtreeByGroups is subtree for other processors.
func subtreeByGroups(b []byte, counter uint64) guts.Node {
	if len(b) == groupSize {
		return guts.CompressBuffer((*[groupSize]byte)(b), groupSize, &guts.IV, counter, 0)
	}
	half := len(b) / 2
	left := guts.ChainingValue(subtreeByGroups(b[:half], counter))
	right := guts.ChainingValue(subtreeByGroups(b[half:], counter+uint64(half/guts.ChunkSize)))
	return guts.ParentNode(left, right, &guts.IV, 0)
}

// lastGroup is the root, not yet compressed, of the first n bytes of b, up to a group of them.
// b has room for a whole group.
func lastGroup(b []byte, n int, counter uint64) guts.Node {
	if n == groupSize {
		return subtree(b[:groupSize], counter)
	}
	return guts.CompressBuffer((*[groupSize]byte)(b), n, &guts.IV, counter, 0)
}
