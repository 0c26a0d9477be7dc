package s3

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// FuzzScan reads any page as the general decoder does, or leaves it alone.
func FuzzScan(f *testing.F) {
	const object = `<Contents><Key>a</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>&quot;e&quot;</ETag><Size>5</Size></Contents>`
	for _, s := range []string{
		"<R><Contents><Key>a</Key><StorageClass>GLACIER</StorageClass></Contents><Contents><Key>b</Key><StorageClass>STANDARD</StorageClass></Contents></R>",
		"<R>" + object + object + "<IsTruncated>false</IsTruncated></R>",
		"<R>\n " + object + "\n\t" + object + "\n</R>",
		"<R><Contents><Key>a&#xA;b&amp;amp;&#1;</Key></Contents></R>",
		"<R><Contents><Key><![CDATA[<x>]]></Key></Contents></R>",
		"<R><Contents><Key>a<!-- b -->c</Key></Contents></R>",
		"<R><Contents><Owner><ID>1</ID><Key>no</Key></Owner><Key>yes</Key></Contents></R>",
		"<R><Contents><Key/></Contents></R>",
		"<R><Contents><Key>a\r\nb</Key></Contents></R>",
		"<R><Contents></Contents><CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>" + object + "</R>",
		"<R><!-- " + object + " --></R>",
		"<R><Contents><Key>\xff</Key></Contents></R>", "<Contents>", "<R><Contents><Key>a</Contents></Key></R>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, page string) {
		if !strings.HasPrefix(page, "<R>") || !strings.HasSuffix(page, "</R>") {
			return
		}
		objects, rest := cutObjects([]byte(page))
		if objects == nil {
			if string(rest) != page {
				t.Errorf("left %q of %q", rest, page)
			}
			return
		}
		var whole, cut struct {
			Contents []struct {
				Key, ETag, Size *string
				LastModified    *time.Time
				StorageClass    string
			}
		}
		if err := xml.Unmarshal([]byte(page), &whole); err != nil {
			return // the rest is what fails then, or it was a field that nobody reads
		}
		if err := xml.Unmarshal(rest, &cut); err != nil || len(cut.Contents) > 0 {
			t.Errorf("the rest of %q is %q: %v", page, rest, err)
		}
		if len(whole.Contents) == 0 {
			return // they lie deeper, where no server puts them
		}
		if len(objects) != len(whole.Contents) {
			t.Fatalf("%d of %d objects of %q", len(objects), len(whole.Contents), page)
		}
		for i, want := range whole.Contents {
			got := objects[i]
			same := aws.ToString(got.Key) == aws.ToString(want.Key) && aws.ToString(got.ETag) == aws.ToString(want.ETag) &&
				(got.Key == nil) == (want.Key == nil) && (want.Size == nil || fmt.Sprint(*got.Size) == strings.TrimLeft(*want.Size, "+0") || *got.Size == 0 || strings.HasPrefix(*want.Size, "-")) &&
				(want.LastModified == nil || got.LastModified.Equal(*want.LastModified))
			if same && want.StorageClass != "STANDARD" {
				same = string(got.StorageClass) == want.StorageClass
			}
			if !same {
				t.Errorf("%q: got %+v, want %+v", page, got, want)
			}
		}
	})
}
