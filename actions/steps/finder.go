package steps

import "errors"

// stride is how many steps lie between two places that a Finder remembers.
const stride = 1024

// Finder finds single steps of a plan. It is for one goroutine, quick where the numbers go up, and
// takes memory for some thousand steps at most.
type Finder struct {
	plan   *Plan
	places []place // before steps 1, 1+stride, …; nil: not yet known
	first  int64   // the number of the first step of block
	block  []*Step
}

// Finder returns a Finder, which does nothing before it is asked.
func (p *Plan) Finder() *Finder { return &Finder{plan: p} }

// Step returns step n. It is shared and must not be changed.
func (f *Finder) Step(n int64) (*Step, error) {
	if f.places == nil {
		places, err := f.plan.places()
		if err != nil {
			return nil, err
		}
		f.places = places
	}
	i := (n - 1) / stride
	if n < 1 || i >= int64(len(f.places)) {
		return nil, errNoStep
	}
	if first := i*stride + 1; f.block == nil || f.first != first {
		block, err := f.plan.block(f.places[i])
		if err != nil {
			return nil, err
		}
		f.first, f.block = first, block
	}
	if at := n - f.first; at < int64(len(f.block)) {
		return f.block[at], nil
	}
	return nil, errNoStep
}

var errNoStep = errors.New("the plan has no such step: plan again")
