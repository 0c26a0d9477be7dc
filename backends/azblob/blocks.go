package azblob

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"strings"

	"sd/backends"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// Azure knows no uploads, only blocks: pieces that were sent for the blob of a name and
// wait to be listed by a commit, which drops all that it does not list. Each block has an
// id that its sender makes up, all of one length. Ours are never used twice, so an id
// stands for the same bytes for ever.

const (
	ownPrefix = "sd"
	ownLength = 48 // of an id before it is encoded
	leastID   = 16 // shorter ones could be made twice
)

// blockID returns a new id, encoded. Its beginning is the mark of the upload, where the
// length leaves room for it.
func blockID(mark string, length int) string {
	text := ownPrefix + mark
	if length < len(text)+14 {
		text = ""
	}
	for len(text) < length {
		text += rand.Text()
	}
	return base64.StdEncoding.EncodeToString([]byte(text[:length]))
}

// ours tells whether an id is one that blockID made, of the usual length.
func ours(id string) bool {
	plain, err := base64.StdEncoding.DecodeString(id)
	return err == nil && len(plain) == ownLength && strings.HasPrefix(string(plain), ownPrefix)
}

// waitingLength finds out of what length the ids of the blocks are that wait for the blob
// of a name; 0 if none do.
func (b *Backend) waitingLength(ctx context.Context, name string) (int, error) {
	list, err := b.blocks(ctx, name, blockblob.BlockListTypeUncommitted)
	if err != nil || len(list.UncommittedBlocks) == 0 {
		return 0, err
	}
	plain, err := base64.StdEncoding.DecodeString(deref(list.UncommittedBlocks[0].Name))
	return len(plain), err
}

func (b *Backend) blocks(ctx context.Context, name string, kind blockblob.BlockListType) (list blockblob.GetBlockListResponse, err error) {
	err = b.meta(ctx, "BLOCKS", func(ctx context.Context, c *container.Client) (err error) {
		list, err = c.NewBlockBlobClient(name).GetBlockList(ctx, kind, nil)
		return err
	})
	return list, err
}

// leastKept is the mean size of blocks that are kept as they are. Smaller ones are
// copied into one, for a blob has at most 50,000.
const leastKept = 4 << 20

// blockMap is of which blocks a version of a blob consists.
type blockMap struct {
	version string
	list    []*blockblob.Block
}

// cover returns the ids of the blocks that hold exactly n bytes at off, nil if there are
// none that can be kept.
func (m *blockMap) cover(off, n int64) (ids []string) {
	at := int64(0)
	for _, block := range m.list {
		if at >= off+n {
			break
		}
		size := deref(block.Size)
		if at >= off {
			if !ours(deref(block.Name)) {
				return nil
			}
			ids = append(ids, *block.Name)
		} else if at+size > off {
			return nil
		}
		at += size
	}
	if at != off+n || len(ids) > 1 && n/int64(len(ids)) < leastKept {
		return nil
	}
	return ids
}

// A tag of a part is the id of its block, or after keptMark those of the blocks of the blob
// that it keeps, which may be none.
const keptMark = "="

func keptTag(ids []string) string { return keptMark + strings.Join(ids, ",") }

// blockList is the list of blocks of a commit. Those that were sent are looked for only among
// the ones that wait, so a commit that was done is never done again.
type blockList struct {
	XMLName xml.Name `xml:"BlockList"`
	Blocks  []listedBlock
}

type listedBlock struct {
	XMLName xml.Name
	ID      string `xml:",chardata"`
}

func newBlockList(parts []backends.Part) *blockList {
	l := &blockList{}
	add := func(kind, id string) {
		l.Blocks = append(l.Blocks, listedBlock{xml.Name{Local: kind}, id})
	}
	for _, p := range parts {
		kept, ok := strings.CutPrefix(p.Tag, keptMark)
		switch {
		case !ok:
			add("Uncommitted", p.Tag)
		case kept != "":
			for id := range strings.SplitSeq(kept, ",") {
				add("Committed", id)
			}
		}
	}
	return l
}

// listKey is the key of contexts of commits; the value is their *blockList.
type listKey struct{}

// listedBlocks sends the list of a commit. The SDK's own can only say that blocks are
// looked for in both places.
type listedBlocks struct{}

// Do is called once for each request, before it is signed.
func (listedBlocks) Do(req *policy.Request) (*http.Response, error) {
	if l, ok := req.Raw().Context().Value(listKey{}).(*blockList); ok {
		text, err := xml.Marshal(l)
		if err != nil {
			return nil, err
		}
		body := streaming.NopCloser(strings.NewReader(xml.Header + string(text)))
		if err := req.SetBody(body, "application/xml"); err != nil {
			return nil, err
		}
	}
	return req.Next()
}
