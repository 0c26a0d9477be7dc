package rclone

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"sd/backends"
	"sd/backends/internal/rest"

	onedrive "github.com/rclone/rclone/backend/onedrive/api"
	webdav "github.com/rclone/rclone/backend/webdav/api"
	"github.com/rclone/rclone/fs"
)

// known are errors of rclone by what they are here.
var known = []struct{ err, kind error }{
	{fs.ErrorDirNotFound, iofs.ErrNotExist},
	{fs.ErrorObjectNotFound, iofs.ErrNotExist},
	{fs.ErrorIsDir, backends.ErrIsDir},
	{fs.ErrorNotAFile, backends.ErrIsDir},
	{fs.ErrorIsFile, backends.ErrNotDir},
	{fs.ErrorDirectoryNotEmpty, backends.ErrNotEmpty},
	{fs.ErrorDirExists, iofs.ErrExist},
	{fs.ErrorPermissionDenied, iofs.ErrPermission},
	{fs.ErrorCantCopy, errors.ErrUnsupported},
	{fs.ErrorCantMove, errors.ErrUnsupported},
	{fs.ErrorCantDirMove, errors.ErrUnsupported},
	{fs.ErrorCantSetModTime, errors.ErrUnsupported},
	{fs.ErrorNotImplemented, errors.ErrUnsupported},
	{iofs.ErrNotExist, iofs.ErrNotExist},
	{iofs.ErrExist, iofs.ErrExist},
	{iofs.ErrPermission, iofs.ErrPermission},
	{syscall.ENOSPC, backends.ErrNoSpace},
	{syscall.EDQUOT, backends.ErrQuota},
	{syscall.EFBIG, backends.ErrTooLarge},
	{syscall.ENAMETOOLONG, backends.ErrNameTooLong},
	{syscall.ENOTEMPTY, backends.ErrNotEmpty},
	{syscall.ENOTDIR, backends.ErrNotDir},
	{syscall.EISDIR, backends.ErrIsDir},
}

// words are what services say, by what it is here. The first that fits decides: many
// libraries below rclone give texts and nothing else.
var words = []struct {
	text string
	kind error
}{
	{"invalid_grant", errExpired},
	{"token expired and there's no refresh token", errExpired},
	{"empty token found", errExpired},
	{"expired_access_token", errExpired},
	{"invalid_access_token", errExpired},
	{"invalidauthenticationtoken", errExpired},
	{"invalid_client", errExpired},
	{"unauthorized_client", errExpired},
	{"unable to authenticate", iofs.ErrPermission},
	{"userratelimitexceeded", errBusy},
	{"ratelimitexceeded", errBusy},
	{"sharingratelimitexceeded", errBusy},
	{"too_many_requests", errBusy},
	{"too_many_write_operations", errBusy},
	{"toomanyrequests", errBusy},
	{"activitylimitreached", errBusy},
	{"servicenotavailable", errBusy},
	{"storagequotaexceeded", backends.ErrQuota},
	{"quotalimitreached", backends.ErrQuota},
	{"quotaexceeded", backends.ErrQuota},
	{"insufficient_space", backends.ErrQuota},
	{"insufficient storage", backends.ErrQuota},
	{"no space left", backends.ErrNoSpace},
	{"directory not empty", backends.ErrNotEmpty},
	{"insufficientfilepermissions", iofs.ErrPermission},
	{"insufficientpermissions", iofs.ErrPermission},
	{"no_write_permission", iofs.ErrPermission},
	{"accessdenied", iofs.ErrPermission},
	{"notallowed", iofs.ErrPermission},
	{"exportsizelimitexceeded", backends.ErrTooLarge},
	{"itemnotfound", iofs.ErrNotExist},
	{"not_found", iofs.ErrNotExist},
	{"namealreadyexists", iofs.ErrExist},
	{"/conflict/", iofs.ErrExist},
	{"pathistoolong", backends.ErrNameTooLong},
	{"file name too long", backends.ErrNameTooLong},
	{"malformed_path", iofs.ErrInvalid},
	{"disallowed_name", iofs.ErrInvalid},
	{"invalid character", iofs.ErrInvalid},
	{"cannot contain a character or word", iofs.ErrInvalid},
}

// statuses are what HTTP statuses are here.
var statuses = map[int]error{
	http.StatusUnauthorized:          errExpired,
	http.StatusForbidden:             iofs.ErrPermission,
	http.StatusNotFound:              iofs.ErrNotExist,
	http.StatusLocked:                errBusy,
	http.StatusTooManyRequests:       errBusy,
	http.StatusServiceUnavailable:    errBusy,
	http.StatusBadGateway:            errBusy,
	http.StatusGatewayTimeout:        errBusy,
	http.StatusRequestEntityTooLarge: backends.ErrTooLarge,
	http.StatusInsufficientStorage:   backends.ErrQuota,
}

// replies are those of FTP.
var replies = map[int]error{
	421: errBusy, 450: errBusy, 530: iofs.ErrPermission, 532: iofs.ErrPermission, 550: iofs.ErrNotExist, 552: backends.ErrQuota, 553: iofs.ErrInvalid,
}

var (
	errExpired = errors.New("the login has ended")
	errBusy    = errors.New("not now")
)

var statusText = regexp.MustCompile(`(?:googleapi: Error |HTTP response code |HTTP error |status code |: )([45]\d\d)\b`)

// kindOf returns what err is here, nil if it is nothing that has a word.
func kindOf(err error) error {
	var login *loginError
	if errors.As(err, &login) {
		return errExpired
	}
	for _, sentinel := range []error{
		errExpired, errBusy, backends.ErrChanged, backends.ErrOffline, backends.ErrNotEmpty, backends.ErrIsDir, backends.ErrNotDir,
		backends.ErrNoSpace, backends.ErrQuota, backends.ErrTooLarge, backends.ErrNameTooLong, errors.ErrUnsupported, iofs.ErrInvalid,
	} {
		if errors.Is(err, sentinel) {
			return sentinel
		}
	}
	var broken *net.OpError
	if errors.As(err, &broken) {
		return nil // whatever the reason: that is no answer
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return k.kind
		}
	}
	var (
		ftp   *textproto.Error
		dav   *webdav.Error
		graph *onedrive.Error
	)
	if errors.As(err, &ftp) {
		if kind := replies[ftp.Code]; kind != nil {
			return kind
		}
	}
	if errors.As(err, &dav) {
		if kind := statuses[dav.StatusCode]; kind != nil {
			return kind
		}
	}
	err = belowRequest(err)
	text := strings.ToLower(err.Error())
	if errors.As(err, &graph) {
		text = strings.ToLower(graph.ErrorInfo.Code + " " + graph.ErrorInfo.InnerError.Code + " " + graph.ErrorInfo.Message)
	} else if noAnswer(err) {
		return nil
	}
	for _, w := range words {
		if strings.Contains(text, w.text) {
			return w.kind
		}
	}
	if kind := statuses[statusOf(err)]; kind != nil {
		return kind
	}
	return nil
}

// belowRequest returns why a request failed, without the request: its address holds names of
// files, in which there may be any word.
func belowRequest(err error) error {
	var request *url.Error
	for errors.As(err, &request) && request.Err != nil {
		err = request.Err
	}
	return err
}

func statusOf(err error) int {
	var dav *webdav.Error
	if errors.As(err, &dav) {
		return dav.StatusCode
	}
	if m := statusText.FindStringSubmatch(err.Error()); m != nil {
		status, _ := strconv.Atoi(m[1])
		return status
	}
	return 0
}

func expired(err error) bool { return errors.Is(kindOf(err), errExpired) }

// loginError says that the service does not take the login any more.
type loginError struct {
	text   string
	reason error
}

func (e *loginError) Error() string   { return e.text }
func (e *loginError) Unwrap() []error { return []error{iofs.ErrPermission, errExpired} }

func (s *store) expiredError(err error) error {
	// Whoever tells the user knows whether there is a volume that can be logged in to again.
	return &loginError{fmt.Sprintf("%s (%s)", errExpired, s.clean(err.Error())), err}
}

// verdict tells what an error shows about the server.
func verdict(err error) rest.Verdict {
	var (
		request *url.Error
		source  *sourceError
		login   *loginError
		local   *localError
	)
	switch {
	case errors.As(err, &source), errors.As(err, &login), errors.As(err, &local):
		return rest.Unasked
	case errors.Is(err, context.Canceled):
		return rest.Unasked
	}
	switch kindOf(err) {
	case errBusy:
		return rest.Busy
	case nil:
	default:
		return rest.Answered
	}
	if errors.As(err, &request) || noAnswer(err) {
		return rest.Unanswered
	}
	return rest.Answered
}

// noAnswer tells whether err is one of the network.
func noAnswer(err error) bool {
	var netErr net.Error
	text := err.Error()
	return errors.As(err, &netErr) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) ||
		strings.Contains(text, "connection lost") || strings.Contains(text, "connection refused") || strings.Contains(text, "connection reset") ||
		strings.Contains(text, "use of closed network connection") || strings.Contains(text, "i/o timeout") || strings.Contains(text, "broken pipe") ||
		strings.Contains(text, "ssh: handshake failed: EOF") || strings.Contains(text, "no such host") || strings.Contains(text, "unexpected packet")
}

// sourceError is a body that could not be read by us.
type sourceError struct{ error }

func (e *sourceError) Unwrap() error { return e.error }

// localError is a fault of the local disk.
type localError struct{ error }

func (e *localError) Unwrap() error { return e.error }

// answerError is what a service said, in our words.
type answerError struct {
	kind    error
	details string
}

func (e *answerError) Error() string {
	if e.kind == nil {
		return e.details
	}
	return e.kind.Error() + " (" + e.details + ")"
}

func (e *answerError) Unwrap() error { return e.kind }

// explain puts err into the words of package backends.
func (s *store) explain(err error) error {
	var answer *answerError
	var pe *iofs.PathError
	switch {
	case err == nil, errors.As(err, &answer), errors.Is(err, backends.ErrOffline), errors.Is(err, errMoved),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &pe) && errors.Is(err, iofs.ErrPermission) && expired(err):
		return err
	}
	var (
		login  *loginError
		source *sourceError
		local  *localError
	)
	if errors.As(err, &login) || errors.As(err, &source) || errors.As(err, &local) {
		return err
	}
	switch kind := kindOf(err); {
	case kind == nil:
		return &answerError{nil, s.clean(err.Error())}
	case errors.Is(kind, errBusy):
		return &answerError{backends.ErrOffline, "the service answers that it is too busy: " + s.clean(err.Error())}
	case errors.Is(kind, errExpired):
		return s.expiredError(err)
	case err.Error() == kind.Error():
		return kind
	default:
		return &answerError{kind, s.clean(err.Error())}
	}
}

// clean makes foreign text fit for an error message: one line, not too long, no secret.
func (s *store) clean(text string) string {
	s.mu.Lock()
	c := s.conn
	s.mu.Unlock()
	if c != nil {
		text = c.options.redact(text)
	}
	text = tokens.ReplaceAllString(text, "$1…")
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return text
}

// tokens are what looks like a secret in a text.
var tokens = regexp.MustCompile(`(?i)((?:bearer |access_token["=: ]+|refresh_token["=: ]+|client_secret["=: ]+|password["=: ]+))[^\s"&,]{6,}`)

// redact strikes the secret options out of a text.
func (o *options) redact(text string) string {
	for key, secret := range o.given {
		if len(secret) >= 6 && key != "token" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return text
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	var pe *iofs.PathError
	if errors.As(err, &pe) && pe.Path == name && pe == err {
		return err
	}
	return &iofs.PathError{Op: op, Path: name, Err: err}
}

// kindOrNil is kindOf, nil for no error.
func kindOrNil(err error) error {
	if err == nil {
		return nil
	}
	return kindOf(err)
}
