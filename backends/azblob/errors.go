package azblob

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net/http"
	"strings"
	"time"

	"sd/backends"
	"sd/backends/internal/rest"
	"sd/backends/internal/source"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
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
	adviceRights = "the account may not do this: ask the container's owner for the right"
	adviceLogin  = "the key or the signature is wrong or has expired: check it; a volume that is there takes another with sd volume login"
	adviceChain  = "the login has expired: log in again with az login, or renew what the environment gives"
	adviceSource = "the service may not read what it was to copy: ask the container's owner for the right"
	adviceClock  = "this machine's clock is wrong: set it"
	adviceLease  = "another program holds a lease on it: let it end or break the lease"
	adviceKept   = "a policy of the container keeps it from being changed"
	adviceBlocks = "another program has begun to upload it with blocks of another kind: let that end, or remove the file"
)

// meaning is what an answer means.
type meaning struct {
	kind error
	text string
}

// codes says what the answers' codes mean. A code that is not here is judged by its
// HTTP status.
var codes = map[string]meaning{
	"BlobNotFound":                     {iofs.ErrNotExist, ""},
	"ResourceNotFound":                 {iofs.ErrNotExist, ""},
	"BlobAlreadyExists":                {iofs.ErrExist, ""},
	"ConditionNotMet":                  {backends.ErrChanged, ""},
	"SourceConditionNotMet":            {backends.ErrChanged, ""},
	"TargetConditionNotMet":            {backends.ErrChanged, ""},
	"InvalidBlockList":                 {backends.ErrNoUpload, ""},
	"InvalidBlobOrBlock":               {nil, adviceBlocks},
	"DirectoryIsNotEmpty":              {backends.ErrNotEmpty, ""},
	"ResourceTypeMismatch":             {backends.ErrIsDir, ""},
	"PathAlreadyExists":                {iofs.ErrExist, ""},
	"InvalidBlobType":                  {errors.ErrUnsupported, "it is a page blob or an append blob: remove it first"},
	"InvalidResourceName":              {iofs.ErrInvalid, "Azure takes no such name"},
	"InvalidUri":                       {iofs.ErrInvalid, "Azure takes no such name"},
	"OutOfRangeInput":                  {backends.ErrNameTooLong, ""},
	"MetadataTooLarge":                 {backends.ErrTooLarge, "the metadata is larger than Azure takes"},
	"RequestBodyTooLarge":              {backends.ErrTooLarge, ""},
	"BlockCountExceedsLimit":           {backends.ErrTooLarge, ""},
	"BlockListTooLong":                 {backends.ErrTooLarge, ""},
	"ContainerBeingDeleted":            {iofs.ErrNotExist, "the container is being deleted"},
	"ContainerDisabled":                {iofs.ErrPermission, "the container is disabled"},
	"AccountIsDisabled":                {iofs.ErrPermission, "the storage account is disabled"},
	"PublicAccessNotPermitted":         {iofs.ErrPermission, "the account lets nobody read without a login"},
	"LeaseIdMissing":                   {iofs.ErrPermission, adviceLease},
	"LeaseIdMismatchWithBlobOperation": {iofs.ErrPermission, adviceLease},
	"BlobImmutableDueToPolicy":         {iofs.ErrPermission, adviceKept},
	"BlobArchived":                     {iofs.ErrPermission, "the blob is archived: give it another access tier with the provider's tools first"},
	"BlobBeingRehydrated":              {iofs.ErrPermission, "the blob is being brought back from the archive, which takes hours"},
	"AuthenticationFailed":             {iofs.ErrPermission, adviceLogin},
	"InvalidAuthenticationInfo":        {iofs.ErrPermission, adviceLogin},
	"NoAuthenticationInformation":      {iofs.ErrPermission, adviceLogin},
	"ServerBusy":                       {backends.ErrOffline, "too many requests"},
	"OperationTimedOut":                {backends.ErrOffline, "the server did not finish in time"},
}

var statuses = map[int]meaning{
	http.StatusUnauthorized:          {iofs.ErrPermission, adviceLogin},
	http.StatusForbidden:             {iofs.ErrPermission, adviceRights},
	http.StatusNotFound:              {iofs.ErrNotExist, ""},
	http.StatusMethodNotAllowed:      {errors.ErrUnsupported, ""},
	http.StatusPreconditionFailed:    {backends.ErrChanged, ""},
	http.StatusNotModified:           {backends.ErrChanged, ""},
	http.StatusRequestEntityTooLarge: {backends.ErrTooLarge, ""},
	http.StatusTooManyRequests:       {backends.ErrOffline, "too many requests"},
	http.StatusNotImplemented:        {errors.ErrUnsupported, ""},
	http.StatusBadGateway:            {backends.ErrOffline, "the server is overloaded"},
	http.StatusServiceUnavailable:    {backends.ErrOffline, "the server is overloaded"},
	http.StatusGatewayTimeout:        {backends.ErrOffline, "the server is overloaded"},
	http.StatusInsufficientStorage:   {backends.ErrQuota, ""},
}

// codeSource is the code of a copy whose source the service could not read, for whatever
// reason.
const codeSource = "CannotVerifyCopySource"

// ofSource says what such an answer means. Other statuses mean what they always do.
var ofSource = map[int]meaning{
	http.StatusUnauthorized:        {iofs.ErrPermission, adviceSource},
	http.StatusForbidden:           {iofs.ErrPermission, adviceSource},
	http.StatusConflict:            {iofs.ErrPermission, adviceSource},
	http.StatusInternalServerError: {backends.ErrOffline, "the server could not read in time what it was to copy"},
}

// explain maps an SDK error to the sentinels of package backends. The server's own
// code and request id stay in the text; secrets do not.
func (b *Backend) explain(err error) error {
	var missing *credentialError
	if errors.As(err, &missing) {
		return b.noLogin(missing)
	}
	if err == nil || errors.Is(err, backends.ErrOffline) || errors.Is(err, backends.ErrChanged) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var (
		own  *rest.ProtocolError
		body *source.Error
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &body):
		return body.Unwrap()
	}
	status, code := statusOf(err), codeOf(err)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the answer was cut short, and again when asked for once more", io.ErrUnexpectedEOF)
	case errors.Is(err, iofs.ErrInvalid), errors.Is(err, backends.ErrNameTooLong), errors.Is(err, iofs.ErrNotExist), errors.Is(err, backends.ErrIsDir):
		return err
	case status == 0:
		return &rest.ProtocolError{Text: "the answer is none that Azure gives: " + b.clean(err.Error())}
	}
	means, ok := codes[code]
	if code == codeSource {
		means, ok = ofSource[status]
	}
	if !ok {
		means = statuses[status]
	}
	switch {
	case code == "ContainerNotFound":
		means.kind, means.text = iofs.ErrNotExist, fmt.Sprintf("there is no container %q", b.cfg.Container)
	case loginRefused(err) && clockWrong(err):
		means.text = adviceClock
	case loginRefused(err):
		b.expired.Store(true)
		if means.text = adviceLogin; b.cfg.Auth == AuthDefault {
			means.text = adviceChain
		}
	case means.kind == nil && means.text == "":
		means.text = "the server refused the request"
		if status >= 500 {
			means.text = "the server has an internal error"
		}
	}
	return &answerError{means.kind, means.text, b.details(err, status, code), status, code}
}

// noLogin explains a failure to find out who we are.
func (b *Backend) noLogin(missing *credentialError) error {
	details := b.clean(missing.Error())
	if missing.unreachable {
		return &answerError{kind: backends.ErrOffline, text: "no login: who gives it does not answer", details: details}
	}
	b.expired.Store(true)
	return &answerError{kind: iofs.ErrPermission, text: "no login: " + adviceOf(b.cfg.Auth), details: details}
}

func adviceOf(auth string) string {
	if auth == AuthDefault {
		return "log in with az login, or give the volume a key or a signature"
	}
	return "give the volume its key or signature again with sd volume login"
}

func (b *Backend) details(err error, status int, code string) string {
	details := strings.TrimSpace(fmt.Sprintf("%d %s", status, b.clean(code)))
	var answer *azcore.ResponseError
	if !errors.As(err, &answer) || answer.RawResponse == nil {
		return details
	}
	if text := b.clean(messageOf(answer.RawResponse)); text != "" && text != code {
		details += ": " + text
	}
	if id := answer.RawResponse.Header.Get("x-ms-request-id"); id != "" {
		details += ", request " + b.clean(id)
	}
	return details
}

// messageOf is the first line of the server's own words.
func messageOf(resp *http.Response) string {
	var told struct{ Message string }
	text, err := runtime.Payload(resp) // it was read before
	if err != nil || xml.Unmarshal(text, &told) != nil {
		return ""
	}
	line, _, _ := strings.Cut(told.Message, "\n")
	return line
}

// clean makes foreign text fit for an error message: one line, not too long, no secret.
func (b *Backend) clean(text string) string {
	text = strings.Join(strings.Fields(b.secrets.redact(text)), " ")
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return text
}

// clockWrong tells whether the server's time is another than ours.
func clockWrong(err error) bool {
	var answer *azcore.ResponseError
	if !errors.As(err, &answer) || answer.RawResponse == nil {
		return false
	}
	at, bad := http.ParseTime(answer.RawResponse.Header.Get("Date"))
	return bad == nil && time.Since(at).Abs() > 10*time.Minute
}

// statusOf returns the HTTP status of an answer, or 0 if there was none.
func statusOf(err error) int {
	var answer *azcore.ResponseError
	if errors.As(err, &answer) {
		return answer.StatusCode
	}
	return 0
}

// codeOf returns the service's word for what went wrong, or "".
func codeOf(err error) string {
	var answer *azcore.ResponseError
	if errors.As(err, &answer) {
		return answer.ErrorCode
	}
	return ""
}

// codeIs tells whether an error that was explained came with a code.
func codeIs(err error, code string) bool {
	var answer *answerError
	return errors.As(err, &answer) && answer.code == code
}
