package main

import (
	"testing"
	"time"
)

func TestSizeRange(t *testing.T) {
	for _, tt := range []struct {
		in       string
		min, max int64
		bad      bool
	}{
		{in: ">10M", min: 10<<20 + 1},
		{in: ">=10M", min: 10 << 20},
		{in: "<4k", max: 4<<10 - 1},
		{in: "<=4k", max: 4 << 10},
		{in: "1M..2G", min: 1 << 20, max: 2 << 30},
		{in: " 1M .. 2G ", min: 1 << 20, max: 2 << 30},
		{in: "1M..", min: 1 << 20},
		{in: "..2G", max: 2 << 30},
		{in: "<=0", max: -1},
		{in: "<1", max: -1},
		{in: ">0", min: 1},
		{in: "1.5k..1.5k", min: 1536, max: 1536},
		{in: "10M", bad: true},
		{in: "", bad: true},
		{in: "..", bad: true},
		{in: ">", bad: true},
		{in: ">lots", bad: true},
		{in: "1M..some", bad: true},
		{in: "2M..1M", bad: true},
		{in: "<0", bad: true},
	} {
		var r sizeRange
		if err := r.Set(tt.in); (err != nil) != tt.bad {
			t.Errorf("%q: got %v, want an error: %v", tt.in, err, tt.bad)
		} else if !tt.bad && (r.min != tt.min || r.max != tt.max) {
			t.Errorf("%q: got %d to %d, want %d to %d", tt.in, r.min, r.max, tt.min, tt.max)
		}
	}
}

func TestTimeRange(t *testing.T) {
	zone := time.FixedZone("here", 2*60*60)
	now := time.Date(2024, 7, 15, 13, 30, 0, 0, zone)
	day := func(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, zone) }
	never := time.Time{}
	for _, tt := range []struct {
		in            string
		after, before time.Time
		bad           bool
	}{
		{in: "7d", after: now.AddDate(0, 0, -7), before: never},
		{in: "2w", after: now.AddDate(0, 0, -14), before: never},
		{in: "12h", after: now.Add(-12 * time.Hour), before: never},
		{in: "90min", after: now.Add(-90 * time.Minute), before: never},
		{in: "6m", after: day(2024, 1, 15).Add(13*time.Hour + 30*time.Minute), before: never},
		{in: "1y", after: now.AddDate(-1, 0, 0), before: never},
		{in: "..7d", after: never, before: now.AddDate(0, 0, -7)},
		{in: "30d..7d", after: now.AddDate(0, 0, -30), before: now.AddDate(0, 0, -7)},
		{in: "30d..", after: now.AddDate(0, 0, -30), before: never},
		{in: "today", after: day(2024, 7, 15), before: day(2024, 7, 16)},
		{in: "yesterday", after: day(2024, 7, 14), before: day(2024, 7, 15)},
		{in: "2024", after: day(2024, 1, 1), before: day(2025, 1, 1)},
		{in: "2024-02", after: day(2024, 2, 1), before: day(2024, 3, 1)},
		{in: "2024-02-29", after: day(2024, 2, 29), before: day(2024, 3, 1)},
		{in: "2024-01..2024-06", after: day(2024, 1, 1), before: day(2024, 7, 1)},
		{in: "2023..", after: day(2023, 1, 1), before: never},
		{in: "..2023", after: never, before: day(2024, 1, 1)},
		{in: ">2024-01-01", after: day(2024, 1, 2), before: never},
		{in: ">=2024-01-01", after: day(2024, 1, 1), before: never},
		{in: "<2024", after: never, before: day(2024, 1, 1)},
		{in: "<=2024", after: never, before: day(2025, 1, 1)},
		{in: "2024-01-01 10:30", after: day(2024, 1, 1).Add(10*time.Hour + 30*time.Minute), before: day(2024, 1, 1).Add(10*time.Hour + 31*time.Minute)},
		{in: "2024-01-01T10:30:00Z..today", after: day(2024, 1, 1).Add(12*time.Hour + 30*time.Minute), before: day(2024, 7, 16)},
		{in: "", bad: true},
		{in: "soon", bad: true},
		{in: "7", bad: true},
		{in: "7x", bad: true},
		{in: ">7d", bad: true},
		{in: "<7d", bad: true},
		{in: "..", bad: true},
		{in: "2024-13", bad: true},
		{in: "2023-02-29", bad: true},
		{in: "2024..2023", bad: true},
		{in: "7d..30d", bad: true},
	} {
		got, err := parseTimeRange(tt.in, now)
		if (err != nil) != tt.bad {
			t.Errorf("%q: got %v, want an error: %v", tt.in, err, tt.bad)
		} else if !tt.bad && (!got.after.Equal(tt.after) || !got.before.Equal(tt.before)) {
			t.Errorf("%q: got %v to %v, want %v to %v", tt.in, got.after, got.before, tt.after, tt.before)
		}
	}
}
