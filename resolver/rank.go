package resolver

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// rank puts the best source first.
func rank(list []Source) {
	slices.SortStableFunc(list, func(a, b Source) int {
		return cmp.Or(
			cmp.Compare(before(a.Usable), before(b.Usable)),
			cmp.Compare(before(a.File.Proof.Proven()), before(b.File.Proof.Proven())),
			cmp.Compare(distance(&a), distance(&b)),
			cmp.Compare(slowness(a.Medium), slowness(b.Medium)),
			cmp.Compare(before(!a.paid), before(!b.paid)),
			cmp.Compare(a.Latency, b.Latency),
			cmp.Compare(a.Place, b.Place),
			cmp.Compare(a.Name, b.Name),
		)
	})
}

func before(yes bool) int {
	if yes {
		return 0
	}
	return 1
}

// distance is 0 for this device, 1 for another, 2 for the cloud.
func distance(s *Source) int {
	switch {
	case s.Here:
		return 0
	case strings.HasPrefix(string(s.Place), devicePrefix):
		return 1
	}
	return 2
}

// slowness orders media. Of what the system does not tell, most are disks of virtual
// machines and containers.
func slowness(medium string) int {
	switch medium {
	case MediumRAM, MediumSSD:
		return 0
	case MediumHDD:
		return 2
	case MediumNetwork:
		return 3
	}
	return 1
}

// nearby tells whether an endpoint is on this machine or in its network, where reading
// costs nothing.
func nearby(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" {
		return false // the service's own
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
	}
	for _, suffix := range []string{"localhost", ".local", ".lan", ".internal", ".home.arpa"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return !strings.Contains(host, ".") && net.ParseIP(host) == nil
}
