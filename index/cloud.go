package index

import (
	"context"
	"errors"
)

func (p *pass) openCloud(ctx context.Context) (scanner, error) {
	return nil, errors.ErrUnsupported
}
