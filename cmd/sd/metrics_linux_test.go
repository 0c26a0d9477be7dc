package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sd/internal/testserver"
)

func TestMetricsAddress(t *testing.T) {
	for in, want := range map[string]string{
		"9464": "127.0.0.1:9464", ":9464": "127.0.0.1:9464", "0.0.0.0:1": "0.0.0.0:1", "[::]:80": "[::]:80", "host:0": "host:0",
		"x": "", "1:2:3": "", "99999": "", "host:": "", ":-1": "",
	} {
		if got, err := metricsAddress(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
}

// TestMetrics reads the endpoint as Prometheus does.
func TestMetrics(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	server.MustPut(t, "box", "a.txt", "hello")
	s := newSandbox(t)
	s.addBucket(server, "box", "box")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s.run("mount", filepath.Join(s.home, "mnt"), "--metrics", taken.Addr().String()).want(t, 1, "", "address already in use")

	mountpoint, _ := s.mount("--metrics", "0", "--disk-cache-size", "64M")
	if _, err := os.ReadFile(filepath.Join(mountpoint, "s3", "box", "a.txt")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(mountpoint, "s3", "box", "b.txt"), "new")
	st := s.status()
	if st.Metrics == "" || st.Cache.Disk == nil || st.Cache.Disk.MaxBytes != 64<<20 || st.Cache.Disk.Off != "" {
		t.Errorf("got %+v, cache %+v", st.mountInfo, st.Cache.Disk)
	}
	s.must("status").want(t, 0, "disk cache", "")
	s.must("status").want(t, 0, st.Metrics, "")
	reply, err := http.Get(st.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", reply.StatusCode, err)
	}
	for _, want := range []string{
		`sd_fuse_requests_total{op="OPEN"} `, `sd_provider_requests_total{verb="GET",volume="s3://box"} `,
		`sd_provider_requests_total{verb="PUT",volume="s3://box"} `, `sd_provider_received_bytes_total{volume="s3://box"} `,
		`sd_provider_sent_bytes_total{volume="s3://box"} `, `sd_provider_errors_total{volume="s3://box"} `,
		`sd_provider_retries_total{volume="s3://box"} 0`, `sd_provider_stalls_total{volume="s3://box"} 0`, `sd_volume_online{volume="s3://box"} 1`,
		"sd_cache_hits_total ", "sd_cache_misses_total ", "sd_cache_used_bytes ", "sd_cache_max_bytes ", "sd_disk_cache_max_bytes 6.7108864e+07",
		"sd_staging_used_bytes ", "sd_staging_max_bytes ", "sd_uploads_pending 0", "sd_uploads_oldest_age_seconds 0", "sd_uploads_failed 0",
		"sd_renames_pending 0", "go_goroutines ", "process_resident_memory_bytes ", `sd_info{library="default",mountpoint="` + mountpoint + `"`,
	} {
		if !strings.Contains("\n"+string(body), "\n"+want) {
			t.Errorf("no metric %s", want)
		}
	}
	if strings.Contains(string(body), testserver.SecretKey) || strings.Contains(string(body), testserver.AccessKey) {
		t.Error("the metrics hold a key")
	}
	s.must("umount")
	if _, err := http.Get(st.Metrics); err == nil {
		t.Error("the endpoint outlives its mount")
	}
}
