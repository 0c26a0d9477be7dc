package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/google/uuid"
)

// vector is one of the published ones: the bytes are SHA-256("seed:0"), SHA-256("seed:1")
// and so on, cut to size.
type vector struct {
	Seed        string
	Size        int64
	Fingerprint string
	BLAKE3      string
	ContentID   string `json:"content_id"`
}

func vectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/content-ids.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatal("no vectors")
	}
	return list
}

func seeded(seed string, size int64) []byte {
	data := make([]byte, 0, size+sha256.Size)
	for i := 0; int64(len(data)) < size; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s:%d", seed, i))
		data = append(data, sum[:]...)
	}
	return data[:size]
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		data := seeded(v.Seed, v.Size)
		r := bytes.NewReader(data)
		if p, err := Fingerprint(r, v.Size); err != nil || p.String() != v.Fingerprint {
			t.Errorf("%d bytes: fingerprint is %v, %v, want %s", v.Size, p, err, v.Fingerprint)
		}
		sum, p, err := File(t.Context(), r, v.Size, nil)
		if err != nil || sum.String() != v.BLAKE3 || p.String() != v.Fingerprint {
			t.Errorf("%d bytes: File gives %v, %v, %v, want %s, %s", v.Size, sum, p, err, v.BLAKE3, v.Fingerprint)
		}
		if id := sum.ContentID(); id.String() != v.ContentID {
			t.Errorf("%d bytes: content id is %v, want %s", v.Size, id, v.ContentID)
		}
		h := New()
		h.Write(data)
		if got := h.Sum().String(); got != v.BLAKE3 {
			t.Errorf("%d bytes: Hasher gives %s, want %s", v.Size, got, v.BLAKE3)
		}
	}
}

func TestNothing(t *testing.T) {
	if id := New().Sum().ContentID(); id != uuid.Nil {
		t.Errorf("no bytes have the content id %v", id)
	}
	if id := (Sum{}).ContentID(); id != uuid.Nil {
		t.Errorf("the zero Sum has the content id %v", id)
	}
	if _, _, err := File(t.Context(), bytes.NewReader(nil), 0, nil); err != ErrEmpty {
		t.Errorf("File of an empty file: %v, want ErrEmpty", err)
	}
	if _, err := Fingerprint(bytes.NewReader(nil), 0); err != ErrEmpty {
		t.Errorf("Fingerprint of an empty file: %v, want ErrEmpty", err)
	}
}
