package syncs

import (
	"context"
	"time"

	"sd/actions/steps"
)

// What work takes, about. A service answers requests side by side.
const (
	requestTime = 60 * time.Millisecond / 24
	cloudRate   = 60 << 20 // bytes a second
	fileTime    = 60 * time.Microsecond
	fileRate    = 700 << 20 // bytes a second
)

// estimate tells how long the plan takes, about, and how much room it needs.
func (p *planner) estimate(ctx context.Context) error {
	if p.w.Len() == 0 {
		return nil
	}
	rate := float64(cloudRate)
	if limit := float64(p.spec.Options.BWLimit); limit > 0 {
		rate = min(rate, limit)
	}
	requests := int64(0)
	for _, n := range p.sum.Requests {
		requests += n
	}
	cloud := max(float64(requests)*requestTime.Seconds(), float64(p.sum.Through)/rate)
	local := float64(p.w.Len())*fileTime.Seconds() + float64(p.sum.Methods[steps.Clone.String()].Bytes)/fileRate
	p.sum.Seconds = max(cloud, local, 0.05)
	for i := range p.sides {
		if p.need[i] <= 0 {
			continue
		}
		s := &p.sides[i]
		free, err := s.store.Space(ctx, s.dir)
		if err != nil {
			free = -1 // the step that meets it will tell
		}
		p.sum.Space = append(p.sum.Space, steps.Space{URI: s.uri(""), Need: p.need[i], Free: free})
		if free >= 0 && free < p.need[i] {
			p.sum.Warn("space", "there is not enough room", s.uri(""))
		}
	}
	return ctx.Err()
}
