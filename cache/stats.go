package cache

import "sync/atomic"

// Stats is what a Cache has done since New, and what it holds now.
type Stats struct {
	Hits   int64 // reads answered from memory at once
	Misses int64 // reads that waited for the store (or failed there)
	Stalls int64 // the misses of sequential reads: read-ahead came too late

	BytesServed  int64 // handed to callers
	BytesFetched int64 // received from stores
	Fetches      int64 // ranged GETs begun
	InFlight     int64 // of them not ended yet
	Failures     int64 // of them failed while somebody wanted the bytes

	Warmed      int64 // small files fetched by Warm
	WarmedUsed  int64 // of them read later
	WarmedBytes int64 // of all that were warmed

	Disk DiskStats // zero without a tier on disk

	MaxBytes  int64 // Config.MaxBytes
	UsedBytes int64 // taken of MaxBytes now: kept, read ahead and on its way
	KeptBytes int64 // kept for later reads, part of UsedBytes
}

type counters struct {
	hits, misses, stalls atomic.Int64
	served, fetched      atomic.Int64
	fetches, failures    atomic.Int64

	warmed, warmedUsed, warmedBytes atomic.Int64
}

// Stats tells the counters. It never waits for I/O.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	running, closed := len(c.running), c.closed
	kept := int64(0)
	if !closed {
		kept = c.tier.size()
	}
	c.mu.Unlock()
	return Stats{
		Hits:         c.count.hits.Load(),
		Misses:       c.count.misses.Load(),
		Stalls:       c.count.stalls.Load(),
		BytesServed:  c.count.served.Load(),
		BytesFetched: c.count.fetched.Load(),
		Fetches:      c.count.fetches.Load(),
		InFlight:     int64(running),
		Failures:     c.count.failures.Load(),
		Warmed:       c.count.warmed.Load(),
		WarmedUsed:   c.count.warmedUsed.Load(),
		WarmedBytes:  c.count.warmedBytes.Load(),
		Disk:         c.disk.stats(),
		MaxBytes:     c.budget.limit,
		UsedBytes:    c.budget.inUse(),
		KeptBytes:    kept,
	}
}
