package rest

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// NewTransport returns an HTTP/1.1 transport for many parallel transfers to one
// host. HTTP/2 is off: it would put all of them on one connection, and one lost
// packet or one full window would hold up all. roots, if not nil, replaces the
// system's certificate authorities.
func NewTransport(roots *x509.CertPool) *http.Transport {
	dialer := &net.Dialer{
		Timeout: 3 * time.Second,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3,
		},
		Control: dropDeadPeers,
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: dialer.DialContext,
		Protocols:   &protocols,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			RootCAs:            roots,
			ClientSessionCache: tls.NewLRUClientSessionCache(64),
		},
		TLSHandshakeTimeout: 4 * time.Second,
		MaxIdleConns:        256,
		MaxIdleConnsPerHost: 160,
		IdleConnTimeout:     90 * time.Second,
		// A read into a larger slice than this goes from the socket to the caller's
		// memory without passing through the buffer.
		ReadBufferSize:        readBuffer,
		WriteBufferSize:       256 << 10,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
	}
}

const readBuffer = 64 << 10
