package rclone

import (
	"errors"
	"strings"
	"testing"
)

// TestNoVolumeYet: a login may end before there is a volume, and be tried by the very command
// that renews logins, so it is for those who know to say which command helps.
func TestNoVolumeYet(t *testing.T) {
	err := new(store).expiredError(errors.New("invalid_grant: Token has been revoked"))
	if !errors.Is(err, errExpired) || strings.Contains(err.Error(), "sd volume") || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("got %v", err)
	}
}

// TestPace: docs/services.md says how often Google is asked at most.
func TestPace(t *testing.T) {
	for option, want := range map[string]string{"pacer_min_sleep": "10ms", "pacer_burst": "100"} {
		if got := preferred["drive"][option]; got != want {
			t.Errorf("%s: got %s, want %s", option, got, want)
		}
	}
}
