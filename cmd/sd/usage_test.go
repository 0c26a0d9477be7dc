package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestWrongUse gives each command one wrong use of each kind.
func TestWrongUse(t *testing.T) {
	s := newSandbox(t)
	for _, tt := range []struct {
		args string
		code int
		err  string
	}{
		{"", 2, "which command?"},
		{"volum", 2, "did you mean volume?"},
		{"nonsense", 2, `unknown command "nonsense"`},
		{"--nonsense", 2, "unknown flag: --nonsense"},
		{"mount a b", 2, `unexpected "b"`},
		{"mount --cache-size lots", 2, "256M"},
		{"mount --cache-size 1k", 2, "at least"},
		{"mount --umask 9", 2, "octal"},
		{"mount --metadata-ttl -1s", 2, "negative"},
		{"mount --uid -1", 2, "--uid"},
		{"mount --staging-size 1k", 2, "at least"},
		{"mount --staging-size some", 2, "256M"},
		{"mount --disk-cache-size 1k", 2, "at least"},
		{"mount --drain -1s", 2, "negative"},
		{"mount --drain soon", 2, "--drain"},
		{"mount --metrics nowhere", 2, "PORT"},
		{"mount --metrics 127.0.0.1:http", 2, "PORT"},
		{"mount --read-only --write-back", 2, "only one of"},
		{"umount --timeout -1s", 2, "negative"},
		{"umount --timeout 1s --now", 2, "only one of"},
		{"umount --now --lazy", 2, "only one of"},
		{"refresh", 2, "missing: PATH"},
		{"refresh s3://nope", 1, "sd volume add-cloud"},
		{"umount a b", 2, `unexpected "b"`},
		{"umount", 1, "nothing is mounted"},
		{"umount /etc", 1, "not mounted"},
		{"status now", 2, `unexpected "now"`},
		{"doctor who", 2, "name a volume"},
		{"library", 2, "which command?"},
		{"library creat x", 2, "did you mean create?"},
		{"library create", 2, "missing: NAME"},
		{"library create a/b", 1, "slash"},
		{"library switch nope", 1, `no library "nope"`},
		{"library list x", 2, `unexpected "x"`},
		{"--library nope library info", 1, `no library "nope"`},
		{"device", 2, "which command?"},
		{"device rename", 2, "NAME"},
		{"device rename nope new", 1, `no device "nope"`},
		{"device rename --force x", 2, "unknown flag"},
		{"device list x", 2, `unexpected "x"`},
		{"volume", 2, "which command?"},
		{"volume list x", 2, `unexpected "x"`},
		{"volume add-cloud", 2, "missing: NAME"},
		{"volume add-cloud x", 2, "--service"},
		{"volume add-cloud x --service s3", 2, "--bucket"},
		{"volume add-cloud x --service floppy --bucket b", 2, "there is no service \"floppy\"; there are s3, "},
		{"volume add-cloud x --service gdrive --bucket b", 2, "--bucket is for s3, gcs, b2, wasabi and spaces; gdrive takes --client-id"},
		{"volume add-cloud x --service s3 --folder f --bucket b", 2, "--folder is for onedrive and dropbox"},
		{"volume add-cloud x --service gcs --profile p --bucket b", 2, "--profile is for s3, b2, wasabi and spaces"},
		{"volume add-cloud x --service gcs --bucket b --anonymous --credentials c", 2, "only one of"},
		{"volume add-cloud x --service gcs --bucket b --secret-stdin", 2, "--credentials -"},
		{"volume add-cloud x --service gcs --bucket b --credentials -", 1, "no JSON key"},
		{"volume add-cloud x --service gcs --bucket b --credentials /no/such/file", 1, "/no/such/file"},
		{"volume add-cloud x --service azblob --container box", 2, "--account"},
		{"volume add-cloud x --service azblob --account a", 2, "--container"},
		{"volume add-cloud x --service azblob --account a --container box --auth magic", 2, "key, sas and default"},
		{"volume add-cloud x --service azblob --account a --container box --auth key", 2, "AZURE_STORAGE_KEY"},
		{"volume add-cloud x --service azblob --account a --container box --sas-stdin --anonymous", 2, "only one of"},
		{"volume add-cloud x --service azblob --account a --container box --connection-string-stdin", 1, "empty"},
		{"volume add-cloud x --service gdrive", 2, "Your own client id"},
		{"volume add-cloud x --service gdrive --client-id i", 2, "SD_CLIENT_SECRET"},
		{"volume add-cloud x --service onedrive --client-id i --region mars", 2, "no region of OneDrive"},
		{"volume add-cloud x --service dropbox", 2, "Your own client id"},
		{"volume add-cloud x --service dropbox --client-id i --headless", 2, "run the command in a terminal"},
		{"volume add-cloud x --service gdrive --client-id i --client-secret s", 2, "set SD_CLIENT_SECRET"},
		{"volume add-cloud x --service azblob --account-key=k", 2, "set AZURE_STORAGE_KEY"},
		{"volume add-cloud x --service azblob --sas-token k", 2, "--sas-stdin"},
		{"volume add-cloud x --service azblob --connection-string k", 2, "--connection-string-stdin"},
		{"volume add-cloud x --service rclone", 2, "--remote"},
		{"volume add-cloud x --service rclone --remote r --rclone-config /no/such/file", 1, "/no/such/file"},
		{"volume login", 2, "missing: NAME"},
		{"volume login nope", 1, `no volume "nope"`},
		{"volume import-rclone --rclone-config /no/such/file", 1, "/no/such/file"},
		{"volume add-cloud x --service spaces --bucket b --anonymous", 1, "--region"},
		{"volume add-cloud x --service s3 --bucket b --profile p --anonymous", 2, "only one of"},
		{"volume add-cloud x --service s3 --bucket b --secret-stdin", 2, "--access-key-id"},
		{"volume add-cloud x --service s3 --bucket b --access-key-id k", 2, "no terminal"},
		{"volume add-cloud x --service s3 --bucket b --access-key-id k --secret-stdin", 1, "empty"},
		{"volume add-cloud x --service s3 --bucket b --endpoint ftp://h --anonymous", 1, "URL"},
		{"volume test", 2, "missing: NAME"},
		{"volume test nope", 1, `no volume "nope"`},
		{"volume remove-cloud nope", 1, `no volume "nope"`},
		{"ls -x", 2, "unknown shorthand flag"},
		{"ls /no/such/folder", 1, "no such file or folder"},
		{"ls s3://nope", 1, "sd volume add-cloud"},
		{"ls azblob://nope", 1, "--account ACCOUNT --container nope"},
		{"ls gdrive://nope", 1, "--client-id ID --drive nope"},
		{"ls rclone://nope", 1, "--remote nope"},
		{"ls dropbox://Work", 1, "--service dropbox --client-id ID --folder Work\""},
		{"ls dropbox://Dropbox", 1, "--service dropbox --client-id ID\""},
		{"ls onedrive://OneDrive", 1, "--service onedrive --client-id ID\""},
		{"ls ftp://x", 2, "unknown scheme"},
		{"cat", 2, "missing: PATH"},
		{"cat /", 1, "is a folder"},
		{"cat /no/such/file", 1, "no such file or folder"},
		{"cat local://no-such-device/etc/hosts", 1, "no-such-device"},
		{"stat", 2, "missing: PATH"},
		{"stat /no/such/file", 1, "no such file or folder"},
		{"path", 2, "missing: PATH"},
		{"path a b", 2, `unexpected "b"`},
		{"path s3://", 2, "names no bucket"},
		{"path content://x", 2, "content"},
		{"resolve", 2, "missing: PATH"},
		{"resolve s3://nope/key", 1, "sd volume add-cloud"},
		{"resolve content://550e8400-e29b-41d4-a716-446655440000", 1, "550e8400"},
		{"completion tcsh", 2, "unknown command"},
		{"version x", 2, `unexpected "x"`},
	} {
		r := s.run(strings.Fields(tt.args)...)
		r.want(t, tt.code, "", tt.err)
		if r.out != "" {
			t.Errorf("sd %s: an error went to stdout: %s", tt.args, r.out)
		}
		if tt.code == 2 && !strings.Contains(r.err, "--help'") {
			t.Errorf("sd %s: no hint at the help: %s", tt.args, r.err)
		}
	}
	s.run("path", "").want(t, 2, "", "empty PATH")
}

// TestSecretFlag answers the habit of giving the secret on the command line, without
// repeating the secret.
func TestSecretFlag(t *testing.T) {
	s := newSandbox(t)
	for _, flag := range []string{"--secret-access-key=hunter22", "--secret=hunter22", "--password=hunter22"} {
		r := s.run("volume", "add-cloud", "x", "--service", "s3", "--bucket", "b", flag)
		r.want(t, 2, "", "--secret-stdin")
		if strings.Contains(r.err, "hunter22") {
			t.Errorf("%s: the secret is repeated: %s", flag, r.err)
		}
	}
}

func TestHelp(t *testing.T) {
	s := newSandbox(t)
	for _, command := range []string{
		"", "mount", "umount", "status", "doctor", "library", "library create", "library list", "library switch",
		"library info", "device", "device list", "device rename", "volume", "volume list", "volume add-cloud",
		"volume login", "volume import-rclone", "volume remove-cloud", "volume test", "location", "location add", "location list", "location rescan",
		"location verify", "location problems", "location remove", "search", "job", "job list", "job info", "job wait",
		"job pause", "job resume", "job cancel", "refresh", "ls", "cat", "stat", "path", "resolve", "completion", "version",
	} {
		r := s.must(append(strings.Fields(command), "--help")...)
		if !strings.Contains(r.out, "Usage:") {
			t.Errorf("sd %s --help: no usage in\n%s", command, r.out)
		}
	}
	s.must("--help").want(t, 0, "Examples:", "")
	s.must("volume", "add-cloud", "--help").want(t, 0, "--secret-stdin", "")
}

func TestCompletionRuns(t *testing.T) {
	s := newSandbox(t)
	script := s.must("completion", "bash").out
	bash := exec.Command("bash", "-n")
	bash.Env = s.env
	finish(t, bash, script, nil).want(t, 0, "", "")
	s.must("__complete", "volume", "").want(t, 0, "add-cloud", "")
	s.must("__complete", "volume", "add-cloud", "x", "--service", "").want(t, 0, "gdrive\tGoogle Drive", "")
	s.must("__complete", "volume", "add-cloud", "x", "--dialect", "").want(t, 0, "minio", "")
}

func TestVersion(t *testing.T) {
	s := newSandbox(t)
	s.must("version").want(t, 0, "sd v0.0.0-test (go", "")
	var v struct{ Version, Go, OS, Arch string }
	s.decode(&v, "version")
	if v.Version != "v0.0.0-test" || v.Go == "" || v.OS == "" || v.Arch == "" {
		t.Errorf("got %+v", v)
	}
}

func TestNoHome(t *testing.T) {
	s := newSandbox(t)
	s.runWith("", []string{"HOME="}, "library", "info").want(t, 1, "", "HOME is not set")
	dir := t.TempDir()
	s.runWith("", []string{"HOME=", "SD_DATA_DIR=" + dir}, "library", "info").want(t, 0, dir, "")
}
