package plan

import (
	"context"
	"errors"
)

func (p *planner) copy(ctx context.Context) error { return errors.New("not planned yet") }

func (p *planner) remove(ctx context.Context) error { return errors.New("not planned yet") }
