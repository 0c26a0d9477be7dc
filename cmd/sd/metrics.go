package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metricsAddress completes the address of --metrics: a port alone, with or without a
// colon, is one of loopback.
func metricsAddress(address string) (string, error) {
	if !strings.Contains(address, ":") {
		address = ":" + address
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", usagef("--metrics %s: want a port such as 9464, or HOST:PORT", quote(address))
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// metrics is the endpoint that Prometheus reads; nil is none.
type metrics struct {
	listener net.Listener
	http     *http.Server
	done     chan struct{}
}

// listenMetrics takes the address; serve answers there. "" is no endpoint.
func listenMetrics(address string) (*metrics, error) {
	if address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--metrics %s: %w", address, err)
	}
	return &metrics{listener: l}, nil
}

func (m *metrics) url() string {
	if m == nil {
		return ""
	}
	return "http://" + m.listener.Addr().String() + "/metrics"
}

// serve answers with what s counts, until close.
func (m *metrics) serve(s *server) {
	if m == nil {
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collector{s})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	m.http = &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	m.done = make(chan struct{})
	go func() {
		defer close(m.done)
		if err := m.http.Serve(m.listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("metrics are not served any more", "err", err)
		}
	}()
}

// close gives up the address and waits a moment for answers under way.
func (m *metrics) close() {
	if m == nil {
		return
	}
	if m.http == nil {
		m.listener.Close()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if m.http.Shutdown(ctx) != nil {
		m.http.Close()
	}
	<-m.done
}

// collector turns a mount's status into metrics, at each reading.
type collector struct{ s *server }

// Describe tells nothing: which volumes there are changes.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	send := func(kind prometheus.ValueType, name, help string, value float64, labels ...string) {
		var names, values []string
		for i := 0; i < len(labels); i += 2 {
			names, values = append(names, labels[i]), append(values, strings.ToValidUTF8(labels[i+1], "?"))
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("sd_"+name, help, names, nil), kind, value, values...)
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	st := c.s.status(1)

	send(gauge, "info", "The mount; always 1.", 1, "version", version, "mountpoint", st.Mountpoint, "library", st.Library)
	send(gauge, "start_time_seconds", "When the tree was mounted, since the epoch.", float64(st.Started.Unix()))
	if st.Kernel != nil {
		for op, n := range st.Kernel.Requests {
			send(counter, "fuse_requests_total", "Requests of the kernel.", float64(n), "op", op)
		}
	}
	for _, v := range st.Volumes {
		for verb, n := range v.Requests {
			send(counter, "provider_requests_total", "Requests sent to a provider, retries too.", float64(n), "volume", v.URI, "verb", verb)
		}
		send(counter, "provider_received_bytes_total", "Bytes of replies from a provider.", float64(v.BytesIn), "volume", v.URI)
		send(counter, "provider_sent_bytes_total", "Bytes of requests to a provider.", float64(v.BytesOut), "volume", v.URI)
		send(counter, "provider_errors_total", "Operations on a provider that failed.", float64(v.Errors), "volume", v.URI)
		send(counter, "provider_retries_total", "Requests sent once more.", float64(v.Retries), "volume", v.URI)
		send(counter, "provider_stalls_total", "Requests cut off because nothing arrived for too long.", float64(v.Stalls), "volume", v.URI)
		if v.State != "unknown" {
			online := 0.0
			if v.State == "online" {
				online = 1
			}
			send(gauge, "volume_online", "1 if the volume answers, 0 if not; missing until it was asked.", online, "volume", v.URI)
		}
	}

	send(counter, "cache_hits_total", "Reads of cloud files answered from memory.", float64(st.Cache.Hits))
	send(counter, "cache_misses_total", "Reads of cloud files that waited for a provider.", float64(st.Cache.Misses))
	send(gauge, "cache_used_bytes", "Memory that the contents of cloud files take.", float64(st.Cache.UsedBytes))
	send(gauge, "cache_max_bytes", "Memory that they may take.", float64(st.Cache.MaxBytes))
	if d := st.Cache.Disk; d != nil {
		send(counter, "disk_cache_hits_total", "Reads of cloud files answered from the disk cache.", float64(d.Hits))
		send(counter, "disk_cache_evictions_total", "Files that made room for others.", float64(d.Evictions))
		send(counter, "disk_cache_bad_total", "Files that had changed on the disk and were deleted.", float64(d.Bad))
		send(gauge, "disk_cache_used_bytes", "What the disk cache takes.", float64(d.UsedBytes))
		send(gauge, "disk_cache_max_bytes", "What it may take.", float64(d.MaxBytes))
		send(gauge, "disk_cache_files", "Files in the disk cache.", float64(d.Files))
	}

	if u := st.Uploads; u != nil {
		send(gauge, "staging_used_bytes", "Bytes on the local disk that are being written or wait for their upload.", float64(u.StagedBytes))
		send(gauge, "staging_max_bytes", "Bytes that may.", float64(u.MaxBytes))
		send(gauge, "uploads_pending", "Files that wait for their upload.", float64(u.Pending))
		send(gauge, "uploads_pending_bytes", "Their bytes.", float64(u.PendingBytes))
		send(gauge, "uploads_failed", "Of them, files whose last attempt failed.", float64(u.Failed))
		send(gauge, "uploads_oldest_age_seconds", "How long the oldest of them waits.", u.age(time.Now()).Seconds())
		send(counter, "uploads_total", "Uploads that ended.", float64(u.Done), "result", "done")
		send(counter, "uploads_total", "Uploads that ended.", float64(u.Failures), "result", "failed")
	}
	if x := st.Index; x != nil {
		x.collect(send)
	}
	send(gauge, "renames_pending", "Renames under way, or left by an earlier mount.", float64(len(st.Renames)))
}
