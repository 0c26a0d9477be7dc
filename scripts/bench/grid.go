//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// grid is a table of figures: what was measured down, who was measured across. A cell
// shows the median of its samples.
type grid struct {
	title   string
	about   string // how it was measured
	columns []string
	ratio   [2]string // also show the first of these columns in units of the second
	rows    []*row
	gaps    map[string]string // column: what to show instead of figures
	notes   []string
}

// row is one measurement.
type row struct {
	name    string // with the unit
	goal    string
	met     func(of func(column string) float64) bool
	samples map[string][]float64
	texts   map[string]string // instead of samples
	cut     map[string]bool   // columns whose time was over first
}

// measure adds a row. The order of calls is that of the table; goal is "" and met nil
// if there is none.
func (g *grid) measure(name, goal string, met func(of func(string) float64) bool) *row {
	r := &row{name: name, goal: goal, met: met, samples: map[string][]float64{}, texts: map[string]string{}, cut: map[string]bool{}}
	g.rows = append(g.rows, r)
	return r
}

func (r *row) add(column string, v float64) { r.samples[column] = append(r.samples[column], v) }

// mark says that a figure is of work that was cut short.
func (r *row) mark(column string) { r.cut[column] = true }

// text sets a cell that is not a figure.
func (r *row) text(column, text string) { r.texts[column] = text }

// median is NaN if nothing was measured.
func (r *row) median(column string) float64 {
	s := slices.Sorted(slices.Values(r.samples[column]))
	n := len(s)
	if n == 0 {
		return math.NaN()
	}
	return (s[(n-1)/2] + s[n/2]) / 2
}

// absent says why a column has no figures.
func (g *grid) absent(column, word, why string) {
	if !slices.Contains(g.columns, column) {
		return
	}
	if g.gaps == nil {
		g.gaps = map[string]string{}
	}
	g.gaps[column] = word
	g.note("%s: %s (%s)", column, word, strings.Join(strings.Fields(why), " "))
}

func (g *grid) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(g.notes, text) {
		g.notes = append(g.notes, text)
	}
}

// trim drops the rows and columns of which nothing was measured, and tells whether
// anything stays.
func (g *grid) trim() bool {
	g.rows = slices.DeleteFunc(g.rows, func(r *row) bool { return len(r.samples) == 0 && len(r.texts) == 0 })
	g.columns = slices.DeleteFunc(g.columns, func(c string) bool {
		return g.gaps[c] == "" && !slices.ContainsFunc(g.rows, func(r *row) bool { return r.samples[c] != nil || r.texts[c] != "" })
	})
	return len(g.rows) > 0
}

// atLeast is a goal for column sd.
func atLeast(least float64) func(func(string) float64) bool {
	return func(of func(string) float64) bool { return of("sd") >= least }
}

// atMost is a goal for column sd.
func atMost(most float64) func(func(string) float64) bool {
	return func(of func(string) float64) bool { return of("sd") <= most }
}

// atLeastOf is a goal for column sd in units of another one.
func atLeastOf(part float64, column string) func(func(string) float64) bool {
	return func(of func(string) float64) bool { return of("sd") >= part*of(column) }
}

// String is the grid as a Markdown table that is also fit for a terminal.
func (g *grid) String() string {
	hasRatio, hasGoal := g.ratio[0] != "", false
	for _, r := range g.rows {
		hasGoal = hasGoal || r.goal != ""
	}
	head := append([]string{""}, g.columns...)
	if hasRatio {
		head = append(head, g.ratio[0]+" ÷ "+g.ratio[1])
	}
	if hasGoal {
		head = append(head, "goal", "met")
	}
	lines := [][]string{head}
	for _, r := range g.rows {
		line := []string{r.name}
		for _, c := range g.columns {
			line = append(line, g.cell(r, c))
		}
		if hasRatio {
			line = append(line, ratio(r.median(g.ratio[0]), r.median(g.ratio[1])))
		}
		if hasGoal {
			line = append(line, r.goal, r.verdict(g.columns))
		}
		lines = append(lines, line)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", g.title)
	if g.about != "" {
		fmt.Fprintf(&b, "%s\n\n", g.about)
	}
	b.WriteString(align(lines))
	for _, n := range g.notes {
		fmt.Fprintf(&b, "\n* %s", n)
	}
	if len(g.notes) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

func (g *grid) cell(r *row, column string) string {
	v := r.median(column)
	switch {
	case r.texts[column] != "":
		return r.texts[column]
	case g.gaps[column] != "":
		return g.gaps[column]
	case math.IsNaN(v):
		return "–"
	case r.cut[column] && r.isTime():
		return ">" + figure(v)
	case r.cut[column]:
		return figure(v) + "*"
	}
	return figure(v)
}

// isTime tells whether less is better, and work that was cut short would have more.
func (r *row) isTime() bool {
	return strings.HasSuffix(r.name, ", s") || strings.HasSuffix(r.name, ", ms")
}

func (r *row) verdict(columns []string) string {
	switch {
	case r.met != nil && r.texts["sd"] != "":
		return "**no**"
	case r.met == nil || len(r.samples) == 0 || slices.Contains(columns, "sd") && r.samples["sd"] == nil:
		return ""
	case r.met(r.median) && !(r.cut["sd"] && r.isTime()):
		return "yes"
	}
	return "**no**"
}

func ratio(a, b float64) string {
	if math.IsNaN(a/b) || b == 0 {
		return "–"
	}
	return strconv.FormatFloat(a/b, 'f', 2, 64) + "×"
}

// figure shows about three digits, in groups: 23,400 or 1.05.
func figure(v float64) string {
	digits := 0
	switch a := math.Abs(v); {
	case v == math.Trunc(v) && a < 1e4:
	case a < 10:
		digits = 2
	case a < 100:
		digits = 1
	case a >= 1e4:
		unit := math.Pow(10, math.Floor(math.Log10(a))-3)
		v = math.Round(v/unit) * unit
	}
	whole, part, _ := strings.Cut(strconv.FormatFloat(v, 'f', digits, 64), ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if part == "" {
		return whole
	}
	return whole + "." + part
}

// align makes a Markdown table of lines whose first is the head: names to the left,
// all else to the right.
func align(lines [][]string) string {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, text := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(text), 3)
		}
	}
	var b strings.Builder
	for n, line := range lines {
		for i, text := range line {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if i > 0 {
				text = pad + text
			} else {
				text += pad
			}
			b.WriteString("| " + text + " ")
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i, width := range widths {
			rule := strings.Repeat("-", width)
			if i > 0 {
				rule = rule[1:] + ":"
			}
			b.WriteString("| " + rule + " ")
		}
		b.WriteString("|\n")
	}
	return b.String()
}
