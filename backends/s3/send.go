package s3

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"

	"sd/backends/internal/rest"
	"sd/backends/internal/source"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	smithy "github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// wire is what a request with a body carries beside it. The server checks the body by
// its CRC-32C, which costs a tenth of the SHA-256 that a signature over the body needs.
type wire struct {
	crc         *string // nil: the body is signed, for a server that takes no checksum
	conditional bool    // with the conditions of the write
	source      bool    // with the version of a copy's source
}

// options are those of the SDK for w.
func (w wire) options(o *sdk.Options) {
	if w.crc != nil {
		o.APIOptions = append(o.APIOptions, unsigned)
		return
	}
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
}

// unsigned leaves the body out of the signature.
func unsigned(stack *middleware.Stack) error {
	return v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware(stack)
}

// wire begins with all that the server is not known to refuse.
func (b *Backend) wire(body *source.Source) (wire, error) {
	w := wire{conditional: true}
	if b.signsBodies.Load() {
		return w, nil
	}
	crc, err := body.CRC32C()
	w.crc = aws.String(base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc)))
	return w, err
}

// send runs ask, again with less beside the body where the server refuses what it does
// not know.
func (b *Backend) send(call *rest.Call, w wire, conditional bool, ask func(context.Context, *sdk.Client, wire) error) error {
	w.conditional = w.conditional && conditional
	for {
		err := b.try(call, func(ctx context.Context, api *sdk.Client) error { return ask(ctx, api, w) })
		switch {
		case err == nil:
			return nil
		case w.crc != nil && refusesChecksum(err):
			b.signsBodies.Store(true)
			w.crc = nil
		case w.conditional && statusOf(err) == http.StatusNotImplemented:
			w.conditional = false // it was looked at before
		case w.source && statusOf(err) == http.StatusNotImplemented:
			w.source = false // likewise
		case w.crc != nil && statusOf(err) == http.StatusNotImplemented:
			w.crc = nil
		default:
			return err
		}
	}
}

// refusesChecksum tells whether a refusal is one of the checksum header, or of a body
// that is not signed; a checksum that was found wrong is none.
func refusesChecksum(err error) bool {
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusNotImplemented:
	default:
		return false
	}
	code, text := codeOf(err), ""
	if code == "BadDigest" || code == "XAmzContentChecksumMismatch" {
		return false
	}
	if api := (smithy.APIError)(nil); errors.As(err, &api) {
		text = strings.ToLower(api.ErrorMessage())
	}
	if strings.Contains(text, "match") && code != "XAmzContentSHA256Mismatch" {
		return false
	}
	return code == "XAmzContentSHA256Mismatch" || strings.Contains(text, "checksum") ||
		strings.Contains(text, "sha256") || strings.Contains(text, "unsigned")
}
