package netproxy

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind tells how a Fault breaks a reply.
type Kind uint8

// The kinds of Fault.
const (
	Pass        Kind = iota // the reply goes through whole, after Delay
	Status                  // an S3 error reply with Status and Code; the server is not asked
	StallHead               // nothing arrives for the time For, then the reply goes through
	StallBody               // After bytes of the body arrive, then nothing for the time For, then the rest
	CutBody                 // After bytes of the body arrive, then the connection breaks
	WrongLength             // the reply claims and carries After bytes of the body only
	Reset                   // the connection breaks before the reply
)

// A Fault is what befalls one request. The zero Fault lets it pass.
type Fault struct {
	Kind Kind
	// Delay holds the head of the reply back (a slow first byte).
	Delay time.Duration
	// After counts the body's bytes let through before a StallBody or CutBody, or the
	// length of a WrongLength.
	After int64
	// For is how long a stall lasts; 0 is until the client gives up or the proxy closes.
	For time.Duration
	// Status and Code are the HTTP status and S3 error code of a Status fault; an empty
	// Code is the one S3 uses with that status.
	Status int
	Code   string
}

// A Rule applies its Fault to the requests that match all of its non-zero fields.
type Rule struct {
	Op        string // as in Request
	Method    string
	KeyPrefix string
	KeySuffix string
	Query     string // is part of the encoded query
	Range     string // is part of the Range header
	// Nth picks the nth matching request, from 1; Times is how many from there on, with
	// Nth 0 from the first. 0 is "all" for Times alone and "one" beside an Nth.
	Nth, Times int
	Fault      Fault
}

func (r *Rule) matches(q Request) bool {
	return (r.Op == "" || r.Op == q.Op) &&
		(r.Method == "" || r.Method == q.Method) &&
		strings.HasPrefix(q.Key, r.KeyPrefix) &&
		strings.HasSuffix(q.Key, r.KeySuffix) &&
		strings.Contains(q.Query.Encode(), r.Query) &&
		strings.Contains(q.Range(), r.Range)
}

// applies tells whether the rule's seen-th match (from 1) is one of those it means.
func (r *Rule) applies(seen int) bool {
	switch {
	case r.Nth == 0 && r.Times == 0:
		return true
	case r.Nth == 0:
		return seen <= r.Times
	}
	return seen >= r.Nth && seen < r.Nth+max(r.Times, 1)
}

// script turns rules into a func; the first rule that applies wins.
func script(rules []Rule) func(Request) Fault {
	rules = append([]Rule(nil), rules...)
	seen := make([]int, len(rules))
	return func(q Request) Fault {
		for i := range rules {
			if !rules[i].matches(q) {
				continue
			}
			seen[i]++
			if rules[i].applies(seen[i]) {
				return rules[i].Fault
			}
		}
		return Fault{}
	}
}

var usualCodes = map[int]string{
	http.StatusMovedPermanently:             "PermanentRedirect",
	http.StatusBadRequest:                   "InvalidRequest",
	http.StatusUnauthorized:                 "AccessDenied",
	http.StatusForbidden:                    "AccessDenied",
	http.StatusNotFound:                     "NoSuchKey",
	http.StatusConflict:                     "ConditionalRequestConflict",
	http.StatusPreconditionFailed:           "PreconditionFailed",
	http.StatusRequestedRangeNotSatisfiable: "InvalidRange",
	http.StatusTooManyRequests:              "TooManyRequests",
	http.StatusInternalServerError:          "InternalError",
	http.StatusNotImplemented:               "NotImplemented",
	http.StatusServiceUnavailable:           "SlowDown",
	507:                                     "InsufficientStorage",
}

func writeError(w http.ResponseWriter, q Request, f Fault) {
	if q.gcs {
		writeGCSError(w, f)
		return
	}
	type body struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		Resource  string
		RequestID string `xml:"RequestId"`
	}
	text, _ := xml.Marshal(body{
		Code:      cmp.Or(f.Code, usualCodes[f.Status], "InternalError"),
		Message:   fmt.Sprintf("scripted fault: %d", f.Status),
		Resource:  q.Path,
		RequestID: "FAULT0000000001",
	})
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(xml.Header)+len(text)))
	w.Header().Set("X-Amz-Request-Id", "FAULT0000000001")
	w.WriteHeader(f.Status)
	if q.Method != http.MethodHead {
		fmt.Fprintf(w, "%s%s", xml.Header, text)
	}
}
