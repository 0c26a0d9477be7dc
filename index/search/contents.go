package search

import (
	"context"
	"errors"
	iofs "io/fs"

	"github.com/google/uuid"

	"sd/library/catalog"
)

// contentBatch is how many hits have their contents looked up at once.
const contentBatch = 256

// contents gives hits what the catalog knows of their contents, many at once, in their order.
type contents struct {
	ctx     context.Context
	catalog *catalog.Catalog
	give    func(Hit) error
	size    int
	hits    []Hit
}

func (s *Searcher) contents(ctx context.Context, give func(Hit) error) *contents {
	return &contents{ctx: ctx, catalog: s.catalog, give: give, size: 16}
}

// add hands on a hit, perhaps later. The first ones wait for few others.
func (c *contents) add(h Hit) error {
	c.hits = append(c.hits, h)
	if len(c.hits) < c.size {
		return nil
	}
	c.size = contentBatch
	return c.flush()
}

// flush hands on what waits.
func (c *contents) flush() error {
	if len(c.hits) == 0 {
		return nil
	}
	err := c.catalog.View(c.ctx, func(v *catalog.View) error {
		for i := range c.hits {
			h := &c.hits[i]
			if h.Folder {
				continue
			}
			f, found, err := v.File(h.dir, h.File.Name)
			if err != nil {
				return err
			}
			if found {
				h.File = f
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range c.hits {
		h := &c.hits[i]
		if h.File.Content != 0 {
			if h.Content, err = c.id(h.File.Content); err != nil {
				return err
			}
		}
		if err := c.give(*h); err != nil {
			return err
		}
	}
	c.hits = c.hits[:0]
	return nil
}

func (c *contents) id(key catalog.Key) (uuid.UUID, error) {
	content, err := c.catalog.ContentByKey(c.ctx, key)
	if errors.Is(err, iofs.ErrNotExist) {
		return uuid.Nil, nil
	}
	return content.ID(), err
}
