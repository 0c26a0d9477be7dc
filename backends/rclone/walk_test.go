package rclone

import (
	"fmt"
	"slices"
	"testing"

	"sd/backends"
	"sd/internal/clouds"
)

// A folder that others remove while a volume is walked is empty, and the rest is walked.
func TestWalkOfFolderThatGoes(t *testing.T) {
	c := clouds.Start(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			for i := range readers + 1 { // so many that z is not yet listed when the first is yielded
				seed(c, kind, fmt.Sprintf("a%d/one", i), "x")
			}
			seed(c, kind, "z/two", "x")
			s, other := open(t, cloudConfig(c, kind)), open(t, cloudConfig(c, kind))
			storeOf(s).page = 1
			var got []string
			err := s.Walk(t.Context(), "", "", func(page []backends.Entry) error {
				if len(got) == 0 {
					if err := other.Remove(t.Context(), "z/two", backends.Cond{}); err != nil {
						t.Error(err)
					}
					if err := other.(backends.DirMaker).Rmdir(t.Context(), "z"); err != nil {
						t.Error(err)
					}
				}
				for i := range page {
					got = append(got, page[i].Name)
				}
				return nil
			})
			last := fmt.Sprintf("a%d/one", readers)
			if err != nil || !slices.Contains(got, last) || slices.Contains(got, "z/two") {
				t.Errorf("got %q, %v, want %s and no error", got, err, last)
			}
		})
	}
}
