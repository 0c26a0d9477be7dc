package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net/http"
	"regexp"
	"strings"

	"sd/backends"
	"sd/backends/internal/rest"
	"sd/backends/internal/source"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	smithy "github.com/aws/smithy-go"
)

// answerError is an error that the server answered with, in our words and its own.
type answerError struct {
	kind    error // a sentinel, or nil
	text    string
	details string
	status  int
	code    string
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
	adviceKey    = "the access key or its secret is wrong: 'sd volume login' takes another secret; with another key, add the volume again"
	adviceLogin  = "the login has expired: log in again with the tool that made it"
	adviceClock  = "this machine's clock is wrong: set it"
)

// codes says what the answers' codes mean. A code that is not here is judged by its
// HTTP status.
var codes = map[string]struct {
	kind error
	text string
}{
	"NoSuchKey":     {iofs.ErrNotExist, ""},
	"NoSuchVersion": {iofs.ErrNotExist, ""},
	"NotFound":      {iofs.ErrNotExist, ""},

	"InvalidAccessKeyId":    {iofs.ErrPermission, adviceKey},
	"SignatureDoesNotMatch": {iofs.ErrPermission, adviceKey},
	"AuthFailure":           {iofs.ErrPermission, adviceKey},
	"ExpiredToken":          {iofs.ErrPermission, adviceLogin},
	"ExpiredTokenException": {iofs.ErrPermission, adviceLogin},
	"TokenRefreshRequired":  {iofs.ErrPermission, adviceLogin},
	"InvalidToken":          {iofs.ErrPermission, adviceLogin},
	"RequestExpired":        {iofs.ErrPermission, adviceClock},
	"RequestTimeTooSkewed":  {iofs.ErrPermission, adviceClock},
	"InvalidObjectState":    {iofs.ErrPermission, "the object is archived: restore it with the provider's tools first"},

	"ObjectParentIsFile":        {backends.ErrNotDir, ""},
	"ExistingObjectIsDirectory": {backends.ErrIsDir, ""},

	"ConditionalRequestConflict": {backends.ErrChanged, ""},
	"EntityTooLarge":             {backends.ErrTooLarge, ""},
	"KeyTooLongError":            {backends.ErrNameTooLong, ""},
	"KeyTooLong":                 {backends.ErrNameTooLong, ""},
	"NoSuchUpload":               {backends.ErrNoUpload, ""},
	"QuotaExceeded":              {backends.ErrQuota, ""},
	"XMinioStorageFull":          {backends.ErrNoSpace, ""},
	"NotImplemented":             {errors.ErrUnsupported, ""},
	"SlowDown":                   {backends.ErrOffline, "too many requests"},
	"ServiceUnavailable":         {backends.ErrOffline, ""},
}

var statuses = map[int]struct {
	kind error
	text string
}{
	http.StatusMovedPermanently:    {nil, "the bucket is in another region: set the volume's region"},
	http.StatusTemporaryRedirect:   {nil, "the bucket is in another region: set the volume's region"},
	http.StatusUnauthorized:        {iofs.ErrPermission, adviceRights},
	http.StatusForbidden:           {iofs.ErrPermission, adviceRights},
	http.StatusNotFound:            {iofs.ErrNotExist, ""},
	http.StatusMethodNotAllowed:    {errors.ErrUnsupported, ""},
	http.StatusConflict:            {backends.ErrChanged, ""},
	http.StatusPreconditionFailed:  {backends.ErrChanged, ""},
	http.StatusTooManyRequests:     {backends.ErrOffline, "too many requests"},
	http.StatusNotImplemented:      {errors.ErrUnsupported, ""},
	http.StatusBadGateway:          {backends.ErrOffline, "the server is overloaded"},
	http.StatusServiceUnavailable:  {backends.ErrOffline, "the server is overloaded"},
	http.StatusGatewayTimeout:      {backends.ErrOffline, "the server is overloaded"},
	http.StatusInsufficientStorage: {backends.ErrNoSpace, ""},
}

// explain maps an SDK error to the sentinels of package backends. The server's own
// code and request id stay in the text; secrets do not.
func (b *Backend) explain(err error) error {
	if err == nil || errors.Is(err, backends.ErrOffline) || errors.Is(err, backends.ErrChanged) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var own *rest.ProtocolError
	if errors.As(err, &own) {
		return own
	}
	var read *source.Error
	if errors.As(err, &read) {
		return read.Unwrap()
	}
	var missing *credentialError
	if errors.As(err, &missing) {
		return &answerError{
			kind:    iofs.ErrPermission,
			text:    "no credentials: name a profile or an access key for the volume, or log in",
			details: b.clean(missing.Error()),
		}
	}
	status, code := statusOf(err), codeOf(err)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the answer was cut short, and again when asked for once more", io.ErrUnexpectedEOF)
	case status == 0:
		return errors.New(b.clean(err.Error()))
	case status < 300:
		return &rest.ProtocolError{Text: "the answer is none that S3 gives: " + b.clean(err.Error())}
	}
	means, ok := codes[code]
	if !ok {
		means = statuses[status]
	}
	if code == "NoSuchBucket" {
		means.kind, means.text = iofs.ErrNotExist, fmt.Sprintf("there is no bucket %q", b.cfg.Bucket)
	}
	if means.kind == nil && means.text == "" {
		means.text = "the server refused the request"
		if status >= 500 {
			means.text = "the server has an internal error"
		}
	}
	return &answerError{means.kind, means.text, b.details(err, status, code), status, code}
}

func (b *Backend) details(err error, status int, code string) string {
	details := fmt.Sprintf("%d %s", status, code)
	var api smithy.APIError
	if errors.As(err, &api) {
		if msg := b.clean(api.ErrorMessage()); msg != "" && msg != code {
			details += ": " + msg
		}
	}
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) && resp.RequestID != "" {
		details += ", request " + b.clean(resp.RequestID)
	}
	return details
}

// clean makes foreign text fit for an error message: one line, not too long, no secret.
func (b *Backend) clean(text string) string {
	if c := b.current(); c != nil {
		text = c.keys.redact(text)
	}
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return text
}

// statusOf returns the HTTP status of an answer, or 0 if there was none.
func statusOf(err error) int {
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) && resp.ResponseError != nil && resp.Response != nil {
		return resp.HTTPStatusCode()
	}
	return 0
}

// statusIs tells whether an error that was explained came with an HTTP status.
func statusIs(err error, status int) bool {
	var answer *answerError
	return errors.As(err, &answer) && answer.status == status
}

func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func staleCredentials(err error) bool {
	switch codeOf(err) {
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException",
		"TokenRefreshRequired", "InvalidToken":
		return true
	}
	return false
}

// wrongRegion tells whether a refusal may be one because of the region.
func wrongRegion(err error) bool {
	switch statusOf(err) {
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusBadRequest:
		return true
	}
	return false
}

var expecting = regexp.MustCompile(`expecting '([a-z0-9-]+)'`)

// regionHint returns the region that a refusal names, or "".
func regionHint(err error) string {
	status := statusOf(err)
	if status < 300 || status >= 500 {
		return ""
	}
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) {
		if r := resp.Response.Header.Get("X-Amz-Bucket-Region"); regionPattern.MatchString(r) {
			return r
		}
	}
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "AuthorizationHeaderMalformed" {
		if m := expecting.FindStringSubmatch(api.ErrorMessage()); m != nil && regionPattern.MatchString(m[1]) {
			return m[1]
		}
	}
	return ""
}
