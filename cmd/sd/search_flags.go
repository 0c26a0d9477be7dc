package main

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// sizeRange is a flag for the sizes of files: ">10M", "<=4k", "1M..2G", "1M..", "..2G".
// Both bounds are included; max < 0 wants empty files, max 0 is no bound.
type sizeRange struct {
	min, max int64
	text     string
}

var errSize = errors.New(`want a range of sizes such as ">10M", "<=4k", "1M..2G" or "..1G"`)

func (r *sizeRange) Set(s string) error {
	low, high, err := bounds(s)
	if err != nil {
		return errSize
	}
	*r = sizeRange{text: s}
	parse := func(b bound, into *int64) error {
		var n byteSize
		if b.text == "" {
			return nil
		}
		if err := n.Set(b.text); err != nil {
			return errSize
		}
		*into = int64(n)
		return nil
	}
	if err := errors.Join(parse(low, &r.min), parse(high, &r.max)); err != nil {
		return errSize
	}
	if low.text != "" && low.open {
		r.min++
	}
	if high.text != "" {
		if high.open {
			r.max--
		}
		if r.max < r.min {
			return errors.New("no size is in that range")
		}
		if r.max == 0 {
			r.max = -1
		}
	}
	return nil
}

func (r *sizeRange) String() string { return r.text }

func (r *sizeRange) Type() string { return "range" }

// A bound is one end of a range; open leaves out the value itself. An empty text is no bound.
type bound struct {
	text string
	open bool
}

// bounds takes a range apart: ">a", ">=a", "<a", "<=a", "a..b", "a..", "..b".
func bounds(s string) (low, high bound, err error) {
	s = strings.TrimSpace(s)
	if from, to, ok := strings.Cut(s, ".."); ok {
		from, to = strings.TrimSpace(from), strings.TrimSpace(to)
		if from == "" && to == "" {
			return low, high, errSize
		}
		return bound{text: from}, bound{text: to}, nil
	}
	for _, sign := range []string{">=", "<=", ">", "<"} {
		rest, ok := strings.CutPrefix(s, sign)
		if !ok {
			continue
		}
		b := bound{text: strings.TrimSpace(rest), open: len(sign) == 1}
		switch {
		case b.text == "":
			return low, high, errSize
		case sign[0] == '>':
			return b, bound{}, nil
		default:
			return bound{}, b, nil
		}
	}
	return low, high, errSize
}

// timeRange is a flag for when files were changed: "7d" (within the last seven days), a day,
// month or year, a range of those, or one side of them. In a range "7d" is seven days ago. after is included, before is not.
type timeRange struct {
	after, before time.Time
	text          string
}

var errTime = errors.New(`want a time such as "7d" (the last seven days), "today", "2024", "2024-06", "2024-06-30", "2024-01..2024-06", ">2024-01-01" or "<2024"`)

var errSpan = errors.New(`write "7d" for the last seven days and "..7d" for what is older`)

func (r *timeRange) Set(s string) error {
	next, err := parseTimeRange(s, time.Now())
	if err != nil {
		return err
	}
	*r = next
	return nil
}

func (r *timeRange) String() string { return r.text }

func (r *timeRange) Type() string { return "time" }

func parseTimeRange(s string, now time.Time) (timeRange, error) {
	r := timeRange{text: s}
	low, high, err := bounds(s)
	if err != nil { // one period
		r.after, r.before, err = period(strings.TrimSpace(s), now)
		return r, err
	}
	for _, side := range []struct {
		bound
		upper bool
	}{{low, false}, {high, true}} {
		if side.text == "" {
			continue
		}
		from, to, err := period(side.text, now)
		switch moment := to.IsZero(); {
		case err != nil:
			return r, err
		case moment && side.open:
			return r, errSpan
		case moment:
			to = from
		}
		switch {
		case side.upper && side.open: // before all of it
			r.before = from
		case side.upper:
			r.before = to
		case side.open: // later than all of it
			r.after = to
		default:
			r.after = from
		}
	}
	if !r.after.IsZero() && !r.before.IsZero() && !r.after.Before(r.before) {
		return r, errors.New("no time is in that range")
	}
	return r, nil
}

// period is the time that a word names: from its first moment to the first one after it. One
// that ends now has no end, as files may be dated ahead.
func period(s string, now time.Time) (from, to time.Time, err error) {
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch s {
	case "today":
		return midnight, midnight.AddDate(0, 0, 1), nil
	case "yesterday":
		return midnight.AddDate(0, 0, -1), midnight, nil
	}
	for _, form := range []struct {
		layout           string
		year, month, day int
		more             time.Duration
	}{
		{layout: "2006", year: 1},
		{layout: "2006-01", month: 1},
		{layout: "2006-01-02", day: 1},
		{layout: "2006-01-02 15:04", more: time.Minute},
		{layout: "2006-01-02T15:04", more: time.Minute},
		{layout: "2006-01-02 15:04:05", more: time.Second},
		{layout: "2006-01-02T15:04:05", more: time.Second},
	} {
		if t, err := time.ParseInLocation(form.layout, s, now.Location()); err == nil {
			return t, t.AddDate(form.year, form.month, form.day).Add(form.more), nil
		}
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, t.Add(time.Second), nil
	}
	from, ok := ago(s, now)
	if !ok {
		return from, to, errTime
	}
	return from, time.Time{}, nil
}

// ago is the time a span before now: 90s, 30min, 12h, 7d, 2w, 6m or 1y, where m is months.
func ago(s string, now time.Time) (time.Time, bool) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	n, err := strconv.Atoi(s[:digits])
	if err != nil || n > 1e6 {
		return time.Time{}, false
	}
	switch s[digits:] {
	case "s":
		return now.Add(-time.Duration(n) * time.Second), true
	case "min":
		return now.Add(-time.Duration(n) * time.Minute), true
	case "h":
		return now.Add(-time.Duration(n) * time.Hour), true
	case "d":
		return now.AddDate(0, 0, -n), true
	case "w":
		return now.AddDate(0, 0, -7*n), true
	case "m":
		return now.AddDate(0, -n, 0), true
	case "y":
		return now.AddDate(-n, 0, 0), true
	}
	return time.Time{}, false
}
