package guardian

import (
	"fmt"
	"strings"

	"sd/library"
	"sd/library/catalog"
)

// Default is the policy where none is set: two copies on different devices.
var Default = library.Policy{Copies: 2, Different: library.DifferentDevice}

// policies finds the policy that counts for a path. It is never changed.
type policies struct {
	byPlace map[catalog.Place]map[string]*library.Policy
	rest    *library.Policy
}

func newPolicies(list []library.Policy) *policies {
	p := &policies{byPlace: map[catalog.Place]map[string]*library.Policy{}, rest: &Default}
	for i := range list {
		at := p.byPlace[list[i].Place]
		if at == nil {
			at = map[string]*library.Policy{}
			p.byPlace[list[i].Place] = at
		}
		at[list[i].Path] = &list[i]
	}
	return p
}

// of returns the policy of path or of the nearest folder above it, else the default one.
func (p *policies) of(place catalog.Place, path string) *library.Policy {
	at := p.byPlace[place]
	if at == nil {
		return p.rest
	}
	for {
		if found := at[path]; found != nil {
			return found
		}
		if path == "" {
			return p.rest
		}
		path = path[:max(0, strings.LastIndexByte(path, '/'))]
	}
}

// met tells whether copies satisfy the policy.
func met(p *library.Policy, c *census) bool { return c.spread(p.Different) >= p.Copies }

// Describe says what a policy asks for: "2 copies on different devices".
func Describe(p library.Policy) string {
	if p.Copies == 1 {
		return "1 copy"
	}
	text := fmt.Sprintf("%d copies", p.Copies)
	var plural []string
	for word := range strings.SplitSeq(p.Different.String(), ",") {
		switch word {
		case "device", "volume":
			plural = append(plural, word+"s")
		case "medium":
			plural = append(plural, "media")
		}
	}
	if len(plural) > 0 {
		text += " on different " + strings.Join(plural, " and ")
	}
	return text
}
