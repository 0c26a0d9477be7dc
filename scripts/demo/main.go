// Command demo puts the sample files of `make demo` into a bucket. The key comes from
// the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY).
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"strings"
	"time"

	"sd/backends"
	"sd/backends/s3"
)

func main() {
	endpoint := flag.String("endpoint", "", "URL of the server")
	bucket := flag.String("bucket", "demo", "the bucket, which must be there")
	flag.Parse()
	if err := fill(*endpoint, *bucket); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func fill(endpoint, bucket string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	store, err := s3.New(s3.Config{Bucket: bucket, Endpoint: endpoint, Region: "us-east-1"})
	if err != nil {
		return err
	}
	defer store.Close()
	for _, f := range samples() {
		_, err := store.Put(ctx, f.name, bytes.NewReader(f.content), int64(len(f.content)), backends.Meta{ContentType: f.kind}, backends.Cond{})
		if err != nil {
			return err
		}
	}
	return nil
}

type sample struct {
	name, kind string
	content    []byte
}

// samples are a text, a picture, a table, a large file, and names with spaces.
func samples() []sample {
	text := func(name, content string) sample { return sample{name, "text/plain; charset=utf-8", []byte(content)} }
	list := []sample{
		text("hello.txt", "Hello from S3.\nThis file lies in a bucket; you read it like any other.\n"),
		text("poems/tyger.txt", tyger),
		text("notes/names with spaces.txt", "Names are kept as they are: no percent signs.\n"),
		{"pictures/gradient.png", "image/png", picture()},
		{"big/32-MiB.txt", "text/plain", bytes.Repeat([]byte("All work and no play makes Jack a dull boy. 64 bytes to a line.\n"), 32<<20/64)},
	}
	var table strings.Builder
	table.WriteString("number,square,cube\n")
	for i := 1; i <= 1000; i++ {
		fmt.Fprintf(&table, "%d,%d,%d\n", i, i*i, i*i*i)
	}
	list = append(list, sample{"tables/powers.csv", "text/csv", []byte(table.String())})
	for i := range 200 {
		list = append(list, text(fmt.Sprintf("many/%03d.txt", i), fmt.Sprintf("file %d of 200\n", i)))
	}
	return list
}

// picture is a square that goes from one colour to another in each direction.
func picture() []byte {
	const side = 512
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			img.Set(x, y, color.RGBA{R: uint8(x / 2), G: uint8(y / 2), B: 160, A: 255})
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, img) // a bytes.Buffer takes everything
	return b.Bytes()
}

const tyger = `Tyger Tyger, burning bright,
In the forests of the night;
What immortal hand or eye,
Could frame thy fearful symmetry?

        William Blake, 1794
`
