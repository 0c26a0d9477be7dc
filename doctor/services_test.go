package doctor_test

import (
	"io"
	"strings"
	"testing"

	"sd/backends"
	"sd/doctor"
	"sd/internal/services"
)

// TestServices looks at a service of each kind that the S3 family is not: nothing may fail,
// and nothing be left. The others of the table take their time on purpose.
func TestServices(t *testing.T) {
	t.Parallel()
	for _, s := range services.Named("gcs", "azblob", "gdrive", "dropbox") {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			b, err := s.Start(t).Open(services.Patient)
			if err != nil {
				t.Fatal(err)
			}
			if c, ok := b.(io.Closer); ok {
				defer c.Close()
			}
			report, err := doctor.Run(t.Context(), b, doctor.Options{Size: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range report.Rows {
				t.Logf("%-4s %-20s %s", row.Level, row.What, row.Found)
			}
			last := report.Rows[len(report.Rows)-1]
			if _, tells := b.(backends.Undeleter); !tells && !strings.Contains(last.Found, "bin of the service's own") {
				t.Errorf("nothing is said of what the service keeps: %+v", last)
			}
			if report.Failed() || len(report.Left) > 0 {
				t.Errorf("something failed, or is left: %q", report.Left)
			}
		})
	}
}
