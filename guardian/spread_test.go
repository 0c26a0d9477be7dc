package guardian

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
)

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

var (
	laptopSSD = &Site{Device: "laptop", Medium: "ssd", Volume: "a"}
	laptopHDD = &Site{Device: "laptop", Medium: "hdd", Volume: "b"}
	laptopRAM = &Site{Device: "laptop", Medium: "ram", Volume: "c"}
	nas       = &Site{Device: "server nas", Medium: "network", Volume: "d"}
	bucket    = &Site{Device: "s3://b", Medium: "cloud", Volume: "e"}
	bucket2   = &Site{Device: "s3://c", Medium: "cloud", Volume: "f"}
	desktop   = &Site{Device: "desktop", Medium: "", Volume: "g"}
	gone      = &Site{Device: "", Medium: "", Volume: "h"}
)

func TestSpread(t *testing.T) {
	const device, medium, volume = library.DifferentDevice, library.DifferentMedium, library.DifferentVolume
	for _, tt := range []struct {
		sites []*Site
		in    library.Difference
		want  int
	}{
		{nil, 0, 0},
		{nil, device, 0},
		{[]*Site{laptopSSD, laptopSSD, laptopSSD}, 0, 3},
		{[]*Site{laptopSSD, laptopSSD, laptopSSD}, volume, 1},
		{[]*Site{laptopSSD, laptopHDD}, volume, 2},
		{[]*Site{laptopSSD, laptopHDD}, device, 1},
		{[]*Site{laptopSSD, laptopHDD}, medium, 2},
		{[]*Site{laptopSSD, laptopHDD}, medium | device, 1},
		{[]*Site{laptopSSD, laptopRAM}, 0, 1},
		{[]*Site{laptopRAM}, device, 0},
		{[]*Site{laptopSSD, gone}, device, 1},
		{[]*Site{bucket, bucket2}, device, 2},
		{[]*Site{bucket, bucket2}, medium, 1},
		{[]*Site{bucket, bucket2}, medium | device, 1},
		{[]*Site{laptopSSD, nas, bucket}, medium | device | volume, 3},
		{[]*Site{laptopSSD, nas, bucket, bucket2}, medium | device, 3},
		// A disk of unknown kind may be of the kind of any other disk, but is no bucket.
		{[]*Site{desktop}, medium, 1},
		{[]*Site{desktop, laptopSSD}, medium, 1},
		{[]*Site{desktop, laptopSSD}, device, 2},
		{[]*Site{desktop, bucket}, medium | device, 2},
		// The two copies are not the first two, but there are two.
		{[]*Site{laptopSSD, laptopHDD, {Device: "tower", Medium: "ssd", Volume: "x"}}, medium | device, 2},
	} {
		var c census
		for _, s := range tt.sites {
			c.add(s, 1)
		}
		if got := c.spread(tt.in); got != tt.want {
			t.Errorf("%v on different %v: got %d, want %d", tt.sites, tt.in, got, tt.want)
		}
	}
}

// Trying all sets of copies gives the same as the matching does, and one copy more or less
// changes it by one at most.
func TestSpreadIsTheLargestSet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	media := []string{"ssd", "hdd", "network", "cloud"}
	for range 2000 {
		var sites []*Site
		for range random.IntN(7) {
			device, medium := string(rune('a'+random.IntN(4))), media[random.IntN(len(media))]
			sites = append(sites, &Site{Device: device, Medium: medium, Volume: device + medium + string(rune('0'+random.IntN(2)))})
		}
		for d := range library.Difference(8) {
			var c census
			for _, s := range sites {
				c.add(s, 1)
			}
			best := 0
			for set := range 1 << len(sites) {
				best = max(best, apart(sites, set, d))
			}
			got := c.spread(d)
			if got != best {
				t.Fatalf("%v on different %q: got %d, want %d", sites, d, got, best)
			}
			if len(sites) > 0 {
				c.add(sites[0], -1)
				if less := c.spread(d); less > got || less < got-1 {
					t.Fatalf("%v on different %q: %d, and %d without the first", sites, d, got, less)
				}
			}
		}
	}
}

// apart is the size of a set of sites, or 0 if two in it are not different in d.
func apart(sites []*Site, set int, d library.Difference) (n int) {
	for i, a := range sites {
		if set&(1<<i) == 0 {
			continue
		}
		n++
		for j, b := range sites[:i] {
			if set&(1<<j) != 0 && (d&library.DifferentDevice != 0 && a.Device == b.Device ||
				d&library.DifferentMedium != 0 && a.Medium == b.Medium || d&library.DifferentVolume != 0 && a.Volume == b.Volume) {
				return 0
			}
		}
	}
	return n
}

func TestNearestPolicyCounts(t *testing.T) {
	here, other := catalog.Place("device:a"), catalog.Place("volume:b")
	p := newPolicies([]library.Policy{
		{Place: here, Path: "home/ann", Copies: 3},
		{Place: here, Path: "home/ann/tmp", Copies: 1},
		{Place: other, Path: "", Copies: 4},
		{Place: other, Path: "x/a.jpg", Copies: 5},
	})
	for _, tt := range []struct {
		place catalog.Place
		path  string
		want  int
	}{
		{here, "home/ann/a", 3},
		{here, "home/ann", 3},
		{here, "home/anna/a", 2},
		{here, "home/ann/tmp/deep/er", 1},
		{here, "home/ann/tmpx", 3},
		{here, "etc/hosts", 2},
		{other, "x/a.jpg", 5},
		{other, "x/a.jpg2", 4},
		{other, "x", 4},
		{other, "/odd//key", 4},
		{"device:c", "home/ann/a", 2},
	} {
		if got := p.of(tt.place, tt.path).Copies; got != tt.want {
			t.Errorf("%s %s: got a policy of %d copies, want %d", tt.place, tt.path, got, tt.want)
		}
	}
}

func TestDescribePolicy(t *testing.T) {
	for want, p := range map[string]library.Policy{
		"1 copy":                        {Copies: 1, Different: library.DifferentDevice},
		"3 copies":                      {Copies: 3},
		"2 copies on different devices": Default,
		"2 copies on different devices and media": {Copies: 2, Different: library.DifferentDevice | library.DifferentMedium},
		"2 copies on different volumes":           {Copies: 2, Different: library.DifferentVolume},
	} {
		if got := Describe(p); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestServers(t *testing.T) {
	for source, want := range map[string]string{
		"nas:/photos": "server nas", "//NAS/photos": "server nas", "ann@nas:/home/ann": "server nas", "[fe80::1]:/x": "server fe80::1",
		"//ann@nas/photos": "server nas", "192.168.0.2:/a:b": "server 192.168.0.2",
	} {
		if got := server(source); got != want {
			t.Errorf("%s: got %q, want %q", source, got, want)
		}
	}
}

// testAtlas has a laptop with a disk, a second one at mnt/hdd, and memory at tmp.
func testAtlas() *atlas {
	volume := func(fingerprint, medium, kind, source string) *resolver.Volume {
		v := &resolver.Volume{Fingerprint: fingerprint}
		v.Info.Medium, v.Info.Kind, v.Info.Config = medium, kind, map[string]string{"source": source}
		return v
	}
	points := map[string]*resolver.Volume{
		"mnt/hdd": volume("hdd", "hdd", "external", "/dev/sdb1"), "tmp": volume("ram", "ram", "system", "tmpfs"),
		"mnt/nas": volume("nas", "network", "network", "nas:/a"), "mnt/nas2": volume("nas2", "network", "network", "nas:/b"),
	}
	root := volume("ssd", "ssd", "system", "/dev/sda1")
	a := newAtlas("device:laptop", func(path string) *resolver.Volume {
		for point, v := range points {
			if within(path, "/"+point) {
				return v
			}
		}
		return root
	})
	a.names["device:laptop"], a.names["device:desktop"] = "laptop", "desktop"
	return a
}

func TestAtlas(t *testing.T) {
	a := testAtlas()
	for i, config := range []map[string]string{{}, {"profile": "other"}, {"endpoint": "http://minio:9000"}, {"endpoint": "https://MINIO:9000/"}} {
		v := &resolver.Volume{Fingerprint: string(rune('a' + i)), Service: "s3", Identifier: "b" + string(rune('0'+i))}
		v.Info.Identifier, v.Info.Config = "b", config
		a.addCloud(v)
	}
	for _, tt := range []struct {
		place catalog.Place
		path  string
		want  Site
	}{
		{"device:laptop", "home/a", Site{"laptop", "ssd", "ssd"}},
		{"device:laptop", "mnt/hdd/a", Site{"laptop", "hdd", "hdd"}},
		{"device:laptop", "mnt/hddx/a", Site{"laptop", "ssd", "ssd"}},
		{"device:laptop", "mnt/nas/a", Site{"server nas", "network", "nas"}},
		{"device:laptop", "mnt/nas2/a", Site{"server nas", "network", "nas2"}},
		{"device:laptop", "tmp/a", Site{"laptop", "ram", "ram"}},
		{"device:desktop", "home/a", Site{"desktop", "", "device:desktop"}},
		{"device:sold", "home/a", Site{"", "", "device:sold"}},
		{"volume:a", "x", Site{"s3://b0", "cloud", "s3  b"}},
		{"volume:b", "x", Site{"s3://b0", "cloud", "s3  b"}}, // another key for the same bucket
		{"volume:c", "x", Site{"s3://b2", "cloud", "s3 minio:9000 b"}},
		{"volume:d", "x", Site{"s3://b2", "cloud", "s3 minio:9000 b"}},
		{"volume:gone", "x", Site{"", "", "volume:gone"}},
	} {
		got := a.site(tt.place, tt.path)
		if *got != tt.want {
			t.Errorf("%s %s: got %+v, want %+v", tt.place, tt.path, *got, tt.want)
		}
		if again := a.site(tt.place, tt.path); again != got {
			t.Errorf("%s %s: two Sites for one place", tt.place, tt.path)
		}
	}
}
