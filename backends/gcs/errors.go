package gcs

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"sd/backends"
	"sd/backends/internal/rest"
	"sd/backends/internal/source"

	"google.golang.org/api/googleapi"
)

// answerError is an error that the server answered with, in our words and its own.
type answerError struct {
	kind    error // a sentinel, or nil
	text    string
	details string
	reason  string // the service's own word
}

func (e *answerError) Error() string {
	text := e.text
	if e.kind != nil {
		text = e.kind.Error()
		if e.text != "" {
			text += ": " + e.text
		}
	}
	return text + " (" + e.details + ")"
}

func (e *answerError) Unwrap() error { return e.kind }

const (
	adviceRights = "the account may not do this: ask the bucket's owner for the right"
	adviceLogin  = "the login has ended or is missing: log in again, or give the volume other credentials"
	adviceKept   = "the bucket keeps the object: a retention policy or a hold is in force"
	adviceBusy   = "too many requests"
)

// means is what an answer means.
type means struct {
	kind error
	text string
}

// reasons says what the service's own words mean. One that is not here is judged by its
// HTTP status.
var reasons = map[string]means{
	"conditionNotMet":                              {backends.ErrChanged, ""},
	"rateLimitExceeded":                            {backends.ErrOffline, adviceBusy},
	"userRateLimitExceeded":                        {backends.ErrOffline, adviceBusy},
	"quotaExceeded":                                {backends.ErrQuota, ""},
	"dailyLimitExceeded":                           {backends.ErrQuota, ""},
	"storageQuotaExceeded":                         {backends.ErrQuota, ""},
	"retentionPolicyNotMet":                        {iofs.ErrPermission, adviceKept},
	"objectUnderActiveHold":                        {iofs.ErrPermission, adviceKept},
	"uploadTooLarge":                               {backends.ErrTooLarge, ""},
	"accountDisabled":                              {iofs.ErrPermission, "the project's account or billing is disabled"},
	"userProjectMissing":                           {iofs.ErrPermission, "the bucket lets readers pay, which this version cannot"},
	"resourceIsEncryptedWithCustomerEncryptionKey": {iofs.ErrPermission, "the object is encrypted with a key that only its owner has"},

	"authError": {iofs.ErrPermission, adviceLogin},
	"required":  {iofs.ErrPermission, adviceLogin},
}

var statuses = map[int]means{
	http.StatusUnauthorized:          {iofs.ErrPermission, adviceLogin},
	http.StatusForbidden:             {iofs.ErrPermission, adviceRights},
	http.StatusNotFound:              {iofs.ErrNotExist, ""},
	http.StatusMethodNotAllowed:      {errors.ErrUnsupported, ""},
	http.StatusConflict:              {backends.ErrChanged, ""},
	http.StatusPreconditionFailed:    {backends.ErrChanged, ""},
	http.StatusRequestEntityTooLarge: {backends.ErrTooLarge, ""},
	http.StatusTooManyRequests:       {backends.ErrOffline, adviceBusy},
	http.StatusNotImplemented:        {errors.ErrUnsupported, ""},
	http.StatusBadGateway:            {backends.ErrOffline, "the server is overloaded"},
	http.StatusServiceUnavailable:    {backends.ErrOffline, "the server is overloaded"},
	http.StatusGatewayTimeout:        {backends.ErrOffline, "the server is overloaded"},
	http.StatusInsufficientStorage:   {backends.ErrNoSpace, ""},
}

// noBucket stands for the service's word, which is the same for buckets and objects.
const noBucket = "noSuchBucket"

// errName is what a name is that the service does not take.
var errName = fmt.Errorf("%w: the service holds no object of such a name: use another name", syscall.EILSEQ)

// explain maps an SDK error to the sentinels of package backends. The server's own
// words stay in the text; secrets do not.
func (b *Backend) explain(err error) error {
	if err == nil || errors.Is(err, backends.ErrOffline) || errors.Is(err, backends.ErrChanged) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var (
		own     *rest.ProtocolError
		read    *source.Error
		missing *credentialError
		answer  *googleapi.Error
		request *url.Error
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &read):
		return read.Unwrap()
	case errors.As(err, &missing):
		return b.noLogin(missing)
	case errors.As(err, &answer) && answer.Code >= 300:
		return b.answered(answer)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the answer was cut short, and again when asked for once more", io.ErrUnexpectedEOF)
	case errors.As(err, &request):
		err = request.Err // the URL may hold the name of an upload, which is as good as a key
	}
	if errors.Is(err, iofs.ErrNotExist) || errors.Is(err, iofs.ErrExist) || errors.Is(err, syscall.EILSEQ) {
		return err
	}
	return errors.New(b.clean(err.Error()))
}

// noLogin explains a failure to find out who we are.
func (b *Backend) noLogin(missing *credentialError) error {
	if missing.unreachable {
		return &answerError{backends.ErrOffline, "no login: who gives it does not answer", b.clean(missing.Error()), ""}
	}
	return &answerError{iofs.ErrPermission, "no login: log in with Google's tools, or give the volume credentials", b.clean(missing.Error()), ""}
}

// answered explains a refusal of the service.
func (b *Backend) answered(answer *googleapi.Error) error {
	reason := ""
	if len(answer.Errors) > 0 {
		reason = answer.Errors[0].Reason
	}
	m, ok := reasons[reason]
	if !ok || reason == "required" && answer.Code != http.StatusUnauthorized {
		m = statuses[answer.Code]
	}
	text := b.clean(answer.Message)
	switch {
	case answer.Code == http.StatusNotFound && strings.Contains(strings.ToLower(text), "bucket does not exist"):
		m.text, reason = fmt.Sprintf("there is no bucket %q", b.cfg.Bucket), noBucket
	case answer.Code == http.StatusBadRequest && strings.Contains(text, "must be at most 1024"):
		m = means{backends.ErrNameTooLong, ""}
	case m == means{} && answer.Code >= 500:
		m.text = "the server has an internal error"
	case m == means{}:
		m.text = "the server refused the request"
	}
	details := fmt.Sprintf("%d %s", answer.Code, b.clean(reason))
	if text != "" && text != reason {
		details += ": " + text
	}
	if id := answer.Header.Get("X-Guploader-Uploadid"); id != "" {
		details += ", request " + b.clean(id)
	}
	return &answerError{m.kind, m.text, details, reason}
}

// clean makes foreign text fit for an error message: one line, not too long, no secret.
func (b *Backend) clean(text string) string {
	text = strings.Join(strings.Fields(b.login.redact(text)), " ")
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return text
}

// reasonIs tells whether an error that was explained came with that word of the service.
func reasonIs(err error, reason string) bool {
	var answer *answerError
	return errors.As(err, &answer) && answer.reason == reason
}
