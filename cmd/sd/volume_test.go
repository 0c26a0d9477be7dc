package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sd/internal/testserver"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
	"sd/secrets"
)

// addBucket adds bucket of server as a volume of that name.
func (s *sandbox) addBucket(server *testserver.Server, name, bucket string) {
	s.t.Helper()
	s.addBucketAt(server.URL, name, bucket)
}

func (s *sandbox) addBucketAt(url, name, bucket string) {
	s.t.Helper()
	s.runWith(testserver.SecretKey+"\n", nil, "volume", "add-cloud", name, "--service", "s3", "--bucket", bucket,
		"--endpoint", url, "--access-key-id", testserver.AccessKey, "--secret-stdin").want(s.t, 0, "added", "")
}

func TestVolumes(t *testing.T) {
	server := testserver.Versitygw(t, "photos", "other")
	s := newSandbox(t)
	s.addBucket(server, "pics", "photos")

	var rows []volumeRow
	s.decode(&rows, "volume", "list")
	if rows[0].Name != "pics" || rows[0].URI != "s3://photos" || rows[0].Bucket != "photos" || rows[0].Config["endpoint"] != server.URL {
		t.Errorf("got %+v", rows[0])
	}
	s.must("volume", "list").want(t, 0, "s3://photos", "")
	s.must("volume", "test", "pics").want(t, 0, "s3://photos answers in", "")
	s.must("volume", "test", "s3://photos").want(t, 0, "answers", "")
	s.healthy().want(t, 0, "volume pics: s3://photos answers", "")

	// The same once more is refused, and the key of the first stays.
	s.runWith("another secret\n", nil, "volume", "add-cloud", "again", "--service", "s3", "--bucket", "photos",
		"--endpoint", server.URL, "--access-key-id", testserver.AccessKey, "--secret-stdin").want(t, 1, "", "added already")
	s.must("volume", "test", "pics")

	// A taken name is refused, and leaves no key behind that would be used later.
	s.runWith(testserver.SecretKey, nil, "volume", "add-cloud", "pics", "--service", "s3", "--bucket", "other",
		"--endpoint", server.URL, "--access-key-id", testserver.AccessKey, "--secret-stdin").want(t, 1, "", "choose another name")

	// The same bucket by another way gets a mount point of its own; the environment's
	// key is kept.
	env := []string{"AWS_ACCESS_KEY_ID=" + testserver.AccessKey, "AWS_SECRET_ACCESS_KEY=" + testserver.SecretKey}
	s.runWith("", env, "volume", "add-cloud", "second", "--service", "s3", "--bucket", "photos",
		"--endpoint", server.URL, "--region", "us-east-1").want(t, 0, "s3://photos-2", "")
	s.must("volume", "test", "second")

	s.must("volume", "remove-cloud", "pics").want(t, 0, "nothing in it was touched", "")
	s.must("volume", "remove-cloud", "s3://photos-2")
	s.run("volume", "test", "pics").want(t, 1, "", `no volume "pics"`)
}

// TestAddIsChecked refuses what cannot work, and only that.
func TestAddIsChecked(t *testing.T) {
	server := testserver.Versitygw(t, "photos")
	s := newSandbox(t)
	add := func(secret string, more ...string) result {
		return s.runWith(secret, nil, append([]string{"volume", "add-cloud", "x", "--service", "s3",
			"--access-key-id", testserver.AccessKey, "--secret-stdin"}, more...)...)
	}
	add(testserver.SecretKey, "--bucket", "no-such-bucket", "--endpoint", server.URL).want(t, 1, "", "no-such-bucket")
	add("a wrong secret", "--bucket", "photos", "--endpoint", server.URL).want(t, 1, "", "--no-check")

	var rows []volumeRow
	s.decode(&rows, "volume", "list")
	if rows[0].Kind == "cloud" {
		t.Fatalf("what was refused is there: %+v", rows[0])
	}
	add("a wrong secret", "--bucket", "photos", "--endpoint", server.URL, "--no-check").want(t, 0, "added", "")
	s.run("volume", "test", "x").want(t, 1, "", "secret")
	s.run("doctor").want(t, 1, "fail  volume x", "")
	s.must("volume", "remove-cloud", "x")

	// A server that is away now may be there later.
	add("any", "--bucket", "photos", "--endpoint", "http://127.0.0.1:1").want(t, 0, "added", "added all the same")
	s.run("volume", "test", "x").want(t, 1, "", "unreachable")
	s.run("ls", "s3://photos").want(t, 1, "", "sd volume test x")
}

// TestNoSecretIsShown runs commands that work and that fail, as talkative as can be,
// and looks for the secret in all that they print and keep.
func TestNoSecretIsShown(t *testing.T) {
	server := testserver.Versitygw(t, "photos")
	server.MustPut(t, "photos", "a.txt", "hello")
	s := newSandbox(t)
	s.addBucket(server, "pics", "photos")
	const wrong = "wrong-secret-4711"
	s.runWith(wrong, nil, "volume", "add-cloud", "bad", "--service", "s3", "--bucket", "photos", "--no-check",
		"--endpoint", server.URL, "--region", "us-east-1", "--access-key-id", "nobody", "--secret-stdin").want(t, 0, "", "")

	for _, line := range []string{
		"volume list", "volume test pics", "volume test bad", "ls s3://photos", "ls s3://photos-2", "cat s3://photos-2/a.txt",
		"stat s3://photos/a.txt", "resolve s3://photos/a.txt", "status", "doctor", "library info",
	} {
		for _, flags := range []string{"-vv", "--json"} {
			r := s.run(append([]string{flags}, strings.Fields(line)...)...)
			for _, secret := range []string{testserver.SecretKey, wrong} {
				if strings.Contains(r.out+r.err, secret) {
					t.Errorf("sd %q shows a secret:\n%s%s", r.args, r.out, r.err)
				}
			}
		}
	}
	err := filepath.WalkDir(s.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, secret := range []string{testserver.SecretKey, wrong} {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s holds a secret", path)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestAddTheSameAtOnce has a second command add the volume that a first one is about to add:
// who comes second leaves the key to the volume that is there.
func TestAddTheSameAtOnce(t *testing.T) {
	ctx := t.Context()
	a := &app{dataDirFlag: t.TempDir(), out: io.Discard, errOut: io.Discard}
	add := func(name, endpoint string, noCheck bool) (*resolver.Volume, error) {
		p, err := a.open(ctx)
		if err != nil {
			return nil, err
		}
		defer p.Close()
		return a.addDraft(ctx, p, draft{
			CloudVolume: resolver.CloudVolume{Name: name, Service: sdpath.S3, Identifier: "bucket", Config: map[string]string{
				configEndpoint: endpoint, configAccessKey: "K",
			}},
			secrets: map[string]string{secretAccessKey: "hunter22"},
		}, noCheck)
	}
	var added *resolver.Volume
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if added == nil { // the first command tries the volume out
			var err error
			if added, err = add("other", server.URL, true); err != nil {
				t.Error(err)
			}
		}
		_, _ = io.WriteString(w, "<ListBucketResult><Name>bucket</Name></ListBucketResult>")
	}))
	defer server.Close()
	conflict := new(library.VolumeConflictError)
	if _, err := add("mine", server.URL, false); !errors.As(err, &conflict) || added == nil {
		t.Fatalf("got %v, want a conflict", err)
	}
	keys := secrets.Open(a.dataDirFlag)
	if got, err := newVault(keys, added.Info).get(secretAccessKey); got != "hunter22" || err != nil {
		t.Errorf("the key of the volume that is there: got %q, %v", got, err)
	}
	// What was kept for one that is not added goes again.
	if _, err := add("other", "http://127.0.0.1:1", true); !errors.As(err, &conflict) || conflict.Field != "name" {
		t.Errorf("got %v, want that the name is taken", err)
	}
	if files, err := filepath.Glob(filepath.Join(a.dataDirFlag, "secrets", "*.secret")); len(files) != 1 || err != nil {
		t.Errorf("got %q, %v, want one secret", files, err)
	}
}
