package testtree

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// generator makes up names. Those of one folder differ.
type generator struct {
	rand  *rand.Rand
	style style
	next  int             // the number of the next photo or track
	given map[string]bool // names of this folder
	dirs  int
	now   time.Time
}

type style int

const (
	mixed style = iota
	photos
	music
	sources
	documents
	caches
	modules
	styles
)

// dir is a folder that others may lie in.
type dir struct {
	name  string
	path  string
	style style
	depth int
}

var words = strings.Fields(`report invoice budget meeting notes summary project plan draft final review contract letter offer
	holiday summer winter family birthday wedding garden house kitchen travel rome paris berlin london norway beach mountain
	index main server client handler config utils helper model view controller test parser buffer stream cache session request
	response worker engine render layout button dialog window list item value key token schema query table record user account
	order payment customer product stock price tax bank insurance health school exam thesis chapter lecture slides paper draft
	song album live acoustic remix intro theme concert piano guitar night love blue river moon light city road rain fire dance
	scan page receipt manual guide recipe map ticket passport photo portrait screenshot wallpaper icon logo banner background
	backup archive export import data sample result output log error debug trace metrics status version release build setup`)

var folders = strings.Fields(`Documents Pictures Music Videos Downloads Desktop Projects src lib docs test assets images static public
	internal cmd pkg vendor include build scripts config data models views components pages styles hooks utils 2019 2020 2021 2022 2023
	2024 2025 January February March Archive Backup Work Private Camera Screenshots Albums Invoices Taxes Letters Recipes Travel`)

var extensions = [styles][]string{
	mixed:     strings.Fields("txt pdf jpg png zip md docx xlsx mp4 json csv html"),
	sources:   strings.Fields("go js ts py c h java rs css json md yaml tsx html sh"),
	documents: strings.Fields("pdf docx xlsx pdf odt pptx txt pdf"),
}

// dir makes up a folder in one of list, whose number is returned too.
func (g *generator) dir(list []dir) (d dir, parent int) {
	if len(list) > 30 {
		parent = g.rand.IntN(len(list)) // the first ones lie at the top
	}
	for list[parent].depth >= 12 {
		parent = g.rand.IntN(len(list))
	}
	up := list[parent]
	d = dir{style: up.style, depth: up.depth + 1}
	if up.style == mixed || g.rand.IntN(8) == 0 {
		d.style = style(g.rand.IntN(int(styles)))
	}
	d.name = folders[g.rand.IntN(len(folders))]
	switch g.rand.IntN(4) {
	case 0:
		d.name = g.word()
	case 1:
		d.name = g.word() + "-" + g.word()
	case 2:
		if d.style == photos {
			d.name = fmt.Sprintf("%d-%02d-%02d %s", 2005+g.rand.IntN(20), 1+g.rand.IntN(12), 1+g.rand.IntN(28), title(g.word()))
		}
	}
	g.dirs++
	if g.rand.IntN(3) > 0 || len(list) > 200 { // no two of one name in one folder
		d.name += fmt.Sprintf("%c%s", "-_ ."[g.rand.IntN(4)], base36(g.dirs))
	} else {
		d.name += base36(g.dirs)
	}
	return d, parent
}

// count makes up how many files a folder has: most few, some many, PerFolder on average.
func (g *generator) count() int {
	return int(g.rand.ExpFloat64() * (PerFolder + 0.5))
}

// begin says that the files of another folder follow.
func (g *generator) begin(s style) {
	g.style, g.given = s, map[string]bool{}
	g.next = 1 + g.rand.IntN(9000)
	if s == music {
		g.next = 1
	}
	g.now = time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(g.rand.Int64N(int64(20 * 365 * 24 * time.Hour))))
}

func (g *generator) file() File {
	name := g.name()
	for try := 1; g.given[name]; try++ {
		name = base36(g.next) + name
		g.next++
	}
	g.given[name] = true
	g.now = g.now.Add(time.Duration(g.rand.ExpFloat64() * float64(20*time.Minute)))
	size := int64(math.Exp(8.5 + 2.2*g.rand.NormFloat64())) // half of them below 5 kB, a few very large
	return File{Name: name, Size: size, ModTime: g.now}
}

func (g *generator) name() string {
	switch g.style {
	case photos:
		g.next++
		switch g.rand.IntN(12) {
		case 0:
			return fmt.Sprintf("IMG_%04d.MOV", g.next)
		case 1:
			return fmt.Sprintf("IMG_%04d.HEIC", g.next)
		case 2:
			return fmt.Sprintf("%s %d.jpg", title(g.word()), g.next%100)
		}
		return fmt.Sprintf("IMG_%04d.JPG", g.next)
	case music:
		g.next++
		return fmt.Sprintf("%02d %s %s.mp3", g.next, title(g.word()), title(g.word()))
	case caches:
		return fmt.Sprintf("%016x%08x", g.rand.Uint64(), g.rand.Uint32())
	case modules:
		return []string{"index.js", "package.json", "README.md", "LICENSE", "index.d.ts", "main.js", "test.js", "utils.js", "types.ts"}[g.rand.IntN(9)]
	case documents:
		ext := extensions[documents][g.rand.IntN(len(extensions[documents]))]
		switch g.rand.IntN(4) {
		case 0:
			return fmt.Sprintf("%s %d-%02d.%s", title(g.word()), 2005+g.rand.IntN(20), 1+g.rand.IntN(12), ext)
		case 1:
			return fmt.Sprintf("%s %s für Müller.%s", title(g.word()), g.word(), ext)
		}
		return fmt.Sprintf("%s-%s-%s-%d.%s", g.word(), g.word(), g.word(), g.rand.IntN(1000), ext)
	case sources:
		ext := extensions[sources][g.rand.IntN(len(extensions[sources]))]
		switch g.rand.IntN(3) {
		case 0:
			return g.word() + "." + ext
		case 1:
			return g.word() + "_test." + ext
		}
		return g.word() + "_" + g.word() + "." + ext
	}
	ext := extensions[mixed][g.rand.IntN(len(extensions[mixed]))]
	return g.word() + "-" + g.word() + "-" + base36(g.rand.IntN(50000)) + "." + ext
}

func (g *generator) word() string { return words[g.rand.IntN(len(words))] }

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func base36(n int) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	s := ""
	for {
		s = digits[n%36:n%36+1] + s
		if n /= 36; n == 0 {
			return s
		}
	}
}
