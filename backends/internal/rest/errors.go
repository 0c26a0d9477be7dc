package rest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"

	"sd/backends"
)

var (
	errStall   = errors.New("the server does not answer")
	errOpen    = errors.New("the server became unreachable")
	errNotSent = errors.New("nothing could be sent in time")
)

// offlineError says why an operation got no answer.
type offlineError struct{ reason error }

func (e *offlineError) Error() string {
	return backends.ErrOffline.Error() + ": " + e.reason.Error()
}

func (e *offlineError) Unwrap() []error { return []error{backends.ErrOffline, e.reason} }

// RetryableError tells an SDK's retry loop that trying again is useless.
func (e *offlineError) RetryableError() bool { return false }

// refusalError is what an open circuit answers with.
type refusalError struct{ reason string }

func (e *refusalError) Error() string        { return e.reason + " (tried again in the background)" }
func (e *refusalError) Unwrap() error        { return backends.ErrOffline }
func (e *refusalError) RetryableError() bool { return false }

func isRefusal(err error) bool {
	var r *refusalError
	return errors.As(err, &r)
}

// faultError is a request that got no answer.
type faultError struct {
	error
	retry bool
}

func (e *faultError) Unwrap() error        { return e.error }
func (e *faultError) RetryableError() bool { return e.retry }

func isStall(err error) bool { return errors.Is(err, errStall) }

// classify tells faults that may pass from those that will not.
func classify(err error) error {
	var (
		dns  *net.DNSError
		cert *tls.CertificateVerificationError
		ca   x509.UnknownAuthorityError
		host x509.HostnameError
		rec  tls.RecordHeaderError
	)
	lasting := errors.As(err, &dns) && dns.IsNotFound ||
		errors.As(err, &cert) || errors.As(err, &ca) || errors.As(err, &host) || errors.As(err, &rec)
	return &faultError{err, !lasting}
}

// cutError is a body that ended early; it is an io.ErrUnexpectedEOF.
type cutError struct{ reason error }

func (e *cutError) Error() string {
	if errors.Is(e.reason, io.ErrUnexpectedEOF) {
		return "the answer was cut short"
	}
	return "the answer was cut short: " + e.reason.Error()
}

func (e *cutError) Unwrap() []error      { return []error{io.ErrUnexpectedEOF, e.reason} }
func (e *cutError) RetryableError() bool { return true }

// ProtocolError is an answer that breaks the protocol; nothing of it was used.
type ProtocolError struct{ Text string }

func (e *ProtocolError) Error() string { return "the server broke the protocol: " + e.Text }

// RetryableError tells an SDK's retry loop that trying again is useless.
func (e *ProtocolError) RetryableError() bool { return false }
