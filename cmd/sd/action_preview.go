package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"sd/actions"
	"sd/actions/steps"
)

// manyConflicts is how many files that stand in the way a text lists; JSON lists up to
// steps.MaxListed.
const manyConflicts = 20

// previewLine is a line of a preview: a number of files, their bytes where they say
// something, and what becomes of them.
type previewLine struct {
	files int64
	thing string // what is counted; "" is a file
	bytes int64  // -1: none
	what  string
}

// methodTexts says what each method means for people, in the order in which they are shown.
var methodTexts = []struct {
	method steps.Method
	text   string
}{
	{steps.Rename, "renamed"},
	{steps.Clone, "cloned, or copied by the file system"},
	{steps.LocalCopy, "copied"},
	{steps.ServerCopy, "copied inside the store"},
	{steps.Upload, "uploaded"},
	{steps.Download, "downloaded"},
	{steps.Stream, "copied from store to store through this machine"},
}

// printPreview shows a plan.
func printPreview(w io.Writer, spec *steps.Spec, s *steps.Summary) {
	fmt.Fprintln(w, printable(describeSpec(spec)))
	lines := previewLines(spec, s)
	if len(lines) == 0 {
		fmt.Fprintln(w, "  nothing to do")
	}
	printCounts(w, lines)
	facts := previewFacts(s)
	for _, f := range facts {
		fmt.Fprintf(w, "%-10s%s\n", f[0], printable(f[1]))
	}
	printConflicts(w, s.ConflictList, s.Conflicts, "conflict")
	printConflicts(w, s.DeniedList, s.Denied, "refused")
}

// previewLines are the numbers of a plan.
func previewLines(spec *steps.Spec, s *steps.Summary) (lines []previewLine) {
	add := func(c steps.Count, what string) {
		if c.Files > 0 {
			lines = append(lines, previewLine{files: c.Files, bytes: c.Bytes, what: what})
		}
	}
	for _, m := range methodTexts {
		text := m.text
		if spec.Action == steps.Undo && m.method == steps.Rename {
			text = "put back"
		}
		add(s.Methods[m.method.String()], text)
	}
	if s.Whole > 0 {
		text := "renamed, with all in it"
		if spec.Action == steps.Undo {
			text = "put back, with all in it"
		}
		lines = append(lines, previewLine{files: s.Whole, thing: "folder", bytes: -1, what: text})
	}
	if s.Folders > 0 {
		lines = append(lines, previewLine{files: s.Folders, thing: "folder", bytes: -1, what: "made"})
	}
	add(s.Proven, "there already, proven to hold the same bytes")
	add(steps.Count{Files: s.Same.Files - s.Proven.Files, Bytes: s.Same.Bytes - s.Proven.Bytes}, "there already, of the same size and time")
	add(s.Replaces, "of them replace a file ("+overwriteText(spec.Options.Overwrite)+")")
	gone := steps.Count{Files: s.Deletes.Files - s.Trash.Files, Bytes: s.Deletes.Bytes - s.Trash.Bytes}
	add(s.Trash, "removed, to the trash")
	if spec.Action == steps.Move {
		add(gone, "removed where they were, once they have arrived")
	} else {
		add(gone, "removed for good")
	}
	return lines
}

func overwriteText(o steps.Overwrite) string {
	switch o {
	case steps.Newer:
		return "newer ones"
	case steps.Changed:
		return "changed ones"
	}
	return "as asked for"
}

// printCounts prints lines with their numbers under each other.
func printCounts(w io.Writer, lines []previewLine) {
	counts, sizes, wide, widest := make([]string, len(lines)), make([]string, len(lines)), 0, 0
	for i, l := range lines {
		thing := l.thing
		if thing == "" {
			thing = "file"
		}
		counts[i] = humanize.Comma(l.files)
		wide = max(wide, len(counts[i]))
		if l.files != 1 {
			thing += "s"
		}
		lines[i].thing = thing
		if l.bytes >= 0 {
			sizes[i] = size(l.bytes)
		}
		widest = max(widest, len(sizes[i]))
	}
	for i, l := range lines {
		fmt.Fprintf(w, "  %*s %-7s  %*s  %s\n", wide, counts[i], l.thing, widest, sizes[i], l.what)
	}
}

// previewFacts are what else there is to know before a plan is agreed to.
func previewFacts(s *steps.Summary) (facts [][2]string) {
	add := func(name, text string) { facts = append(facts, [2]string{name, text}) }
	if s.Total.Files > 0 && len(s.Requests) > 0 {
		text := size(s.Through) + " pass through this machine"
		if s.Saved > 0 {
			text += ", " + size(s.Saved) + " need not"
		}
		add("traffic", text)
	}
	if cost := costText(s); cost != "" {
		add("cost", cost)
	}
	for _, room := range s.Space {
		text := size(room.Need) + " needed in " + room.URI
		switch {
		case room.Free < 0:
			text += ", which does not tell what is free"
		case room.Free < room.Need:
			text += ", but only " + size(room.Free) + " are free"
		default:
			text += ", " + size(room.Free) + " free"
		}
		add("space", text)
	}
	if s.Seconds >= 1 {
		add("time", "about "+roughly(time.Duration(s.Seconds*float64(time.Second))))
	}
	for _, warning := range s.Warnings {
		add("warning", warningText(&warning))
	}
	return facts
}

// costText tells the requests to cloud stores by what providers charge for them, and the
// bytes that leave them.
func costText(s *steps.Summary) string {
	var words []string
	for _, verb := range sortedKeys(s.Requests) {
		if n := s.Requests[verb]; n > 0 {
			words = append(words, humanize.Comma(n)+" "+verb)
		}
	}
	if s.Egress > 0 {
		words = append(words, size(s.Egress)+" leave their provider")
	}
	return strings.Join(words, ", ")
}

func printConflicts(w io.Writer, list []steps.Conflict, all int64, word string) {
	for i, c := range list {
		if i == manyConflicts {
			break
		}
		text := c.To
		if text == "" {
			text = c.From
		}
		fmt.Fprintf(w, "%-10s%s  (%s)\n", word, printable(text), printable(c.Why))
	}
	if left := all - int64(min(len(list), manyConflicts)); left > 0 {
		fmt.Fprintf(w, "%-10s… and %s more; --json lists more of them\n", "", commas(left))
	}
}

// describeSpec says in a line what was asked for.
func describeSpec(s *steps.Spec) string {
	from := ""
	if len(s.Sources) > 0 {
		from = s.Sources[0].String()
	}
	if n := len(s.Sources); n > 1 {
		from += " and " + commas(int64(n-1)) + " more"
	}
	switch s.Action {
	case steps.Copy:
		return "copy " + from + " to " + s.Target.String()
	case steps.Move:
		return "move " + from + " to " + s.Target.String()
	case steps.Remove:
		return "remove " + from
	case steps.Mkdir:
		return "make " + from
	case steps.Sync:
		return string(s.Options.Mode) + " " + from + " to " + s.Target.String()
	case steps.Resolve:
		return "remove duplicates"
	case steps.Protect:
		return "make the copies that policies ask for"
	case steps.Undo:
		return fmt.Sprintf("undo job %d", s.Job)
	}
	return string(s.Action) + " " + from
}

// manySteps is how many steps a preview shows with -v; with -vv it shows all.
const manySteps = 100

// showPlan shows a plan, with -v also its steps.
func (a *app) showPlan(ctx context.Context, w io.Writer, draft *actions.Draft, row *actedRow) error {
	out := bufio.NewWriter(w)
	printPreview(out, &row.Spec, &row.Plan)
	if a.verbose > 0 {
		if err := printSteps(ctx, out, draft, a.verbose > 1); err != nil {
			return err
		}
	}
	return out.Flush()
}

func printSteps(ctx context.Context, w io.Writer, draft *actions.Draft, all bool) error {
	enough, shown := errors.New("enough"), 0
	err := draft.Each(func(s *steps.Step) error {
		if shown++; shown > manySteps && !all {
			fmt.Fprintln(w, "  … and more; -vv shows all")
			return enough
		}
		_, err := fmt.Fprintln(w, "  "+printable(stepText(s, draft.URI(ctx, s.From), draft.URI(ctx, s.To))))
		return err
	})
	if errors.Is(err, enough) {
		return nil
	}
	return err
}

// stepText is a step in a line.
func stepText(s *steps.Step, from, to string) string {
	words := []string{s.Op.String()}
	if m := s.Method.String(); m != "" && m != words[0] {
		words[0] = m
	}
	for _, name := range []string{from, to} {
		if name == "" {
			continue
		}
		if len(words) > 1 {
			words = append(words, "->")
		}
		words = append(words, name)
	}
	if s.Op == steps.OpCopy {
		words = append(words, "("+size(s.Size)+")")
	}
	if s.Note != "" {
		words = append(words, "("+s.Note+")")
	}
	return strings.Join(words, " ")
}
