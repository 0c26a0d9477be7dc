package plan

import (
	"time"

	"sd/actions/stores"
	"sd/resolver"
)

// load is the work that a plan makes, by what it waits for.
type load struct {
	requests   int64 // to services
	cloudBytes int64 // through this machine, to or from services
	localFiles int64 // made or changed in local file systems
	localBytes int64 // written there
	medium     string
}

// What work takes, about. A service answers requests side by side.
const (
	requestTime  = 60 * time.Millisecond / 24
	cloudRate    = 60 << 20 // bytes a second
	smallestTime = 50 * time.Millisecond
)

// disks are how long media take: for a file, and for bytes.
var disks = map[string]struct {
	each time.Duration
	rate float64 // bytes a second
}{
	"":                     {60 * time.Microsecond, 700 << 20},
	resolver.MediumRAM:     {40 * time.Microsecond, 2 << 30},
	resolver.MediumSSD:     {60 * time.Microsecond, 700 << 20},
	resolver.MediumHDD:     {200 * time.Microsecond, 120 << 20}, // new files lie side by side
	resolver.MediumNetwork: {2 * time.Millisecond, 100 << 20},
}

// estimate tells about how long the plan takes.
func (p *planner) estimate() {
	rate := float64(cloudRate)
	if limit := float64(p.spec.Options.BWLimit); limit > 0 {
		rate = min(rate, limit)
	}
	cloud := max(float64(p.load.requests)*requestTime.Seconds(), float64(p.load.cloudBytes)/rate)
	disk := disks[p.load.medium]
	local := float64(p.load.localFiles)*disk.each.Seconds() + float64(p.load.localBytes)/disk.rate
	if p.spec.Options.Verify {
		cloud, local = 2*cloud, 2*local
	}
	if p.w.Len() > 0 {
		p.sum.Seconds = max(cloud, local, smallestTime.Seconds())
	}
}

// request counts requests to the service of st, if it is one.
func (p *planner) request(st stores.Store, verb string, n int64) {
	if _, ok := st.(*stores.Volume); !ok {
		return
	}
	p.sum.Request(verb, n)
	p.load.requests += n
}
