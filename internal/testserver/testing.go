package testserver

import "testing"

// Versitygw starts versitygw with the given buckets for the length of a test.
func Versitygw(t testing.TB, buckets ...string) *Server {
	t.Helper()
	s, err := StartVersitygw(t.Context(), "")
	return ready(t, s, err, buckets)
}

// Versions starts versitygw with buckets that keep the versions of their objects.
func Versions(t testing.TB, buckets ...string) *Server {
	t.Helper()
	s, err := startVersitygw(t.Context(), "", true)
	s = ready(t, s, err, buckets)
	for _, bucket := range buckets {
		if err := s.KeepVersions(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Gofakes3 starts gofakes3 with the given buckets for the length of a test.
func Gofakes3(t testing.TB, buckets ...string) *Server {
	t.Helper()
	s, err := StartGofakes3(t.Context())
	return ready(t, s, err, buckets)
}

func ready(t testing.TB, s *Server, err error, buckets []string) *Server {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("stop S3 server: %v", err)
		}
	})
	for _, bucket := range buckets {
		if err := s.MakeBucket(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// MustPut writes objects given as key and content in turn, or fails the test.
func (s *Server) MustPut(t testing.TB, bucket string, keysAndContents ...string) {
	t.Helper()
	for i := 0; i+1 < len(keysAndContents); i += 2 {
		if err := s.PutString(t.Context(), bucket, keysAndContents[i], keysAndContents[i+1]); err != nil {
			t.Fatal(err)
		}
	}
}
