package syncs

import (
	"unicode/utf8"

	"sd/actions/stores"
)

// unfit tells whether a name stays out of the sync, and warns of it: on one side there is what the
// other cannot have.
func (p *planner) unfit(r *row) bool {
	for i, e := range r.e {
		if e == nil {
			continue
		}
		if p.cases.oneOfSeveral(r.rel) {
			p.sum.Warn("case", "names that differ in case alone are left out, for "+p.cases.uri+" takes them for one: rename one of each", p.sides[i].uri(r.rel))
			return true
		}
		if e.Kind == stores.Special {
			p.sum.Warn("special", "pipes, sockets and devices are left out", p.sides[i].uri(r.rel))
			return true
		}
		_, local := p.sides[i].store.(*stores.Local)
		_, volume := p.sides[1-i].store.(*stores.Volume)
		// What a service lists under another name would count as deleted there.
		if local && volume && !utf8.ValidString(r.rel) {
			p.sum.Warn("name", "names that are not in UTF-8 are left out: services take no other, or cannot list them", p.sides[i].uri(r.rel))
			return true
		}
	}
	return false
}
