package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sd/internal/clouds"
	"sd/internal/clouds/drive"
	"sd/internal/clouds/dropbox"
	"sd/internal/testserver"
)

const someRemotes = `
[gd]
type = drive
client_id = ID
client_secret = hunter22
scope = drive
token = {"access_token":"hunter22","refresh_token":"hunter22","expiry":"2026-01-01T00:00:00Z"}
team_drive =

[gd-team]
type = drive
client_id = ID
token = {"access_token":"hunter22"}
team_drive = 0ABC

[gd-shared]
type = drive
client_id = ID
token = {"access_token":"hunter22"}
shared_with_me = true

[gd-theirs]
type = drive
token = {"access_token":"hunter22"}

[gd-part]
type = drive
client_id = ID
root_folder_id = 1XYZ

[gd-new]
type = drive
client_id = ID

[one]
type = onedrive
client_id = ID
region = us
drive_id = D1
drive_type = business
token = {"access_token":"hunter22"}

[box]
type = dropbox
client_id = ID
token = {"access_token":"hunter22"}

[r2]
type = s3
provider = Cloudflare
access_key_id = K
secret_access_key = hunter22
endpoint = acc.r2.cloudflarestorage.com

[cold]
type = s3
provider = Wasabi
access_key_id = K
secret_access_key = hunter22
region = eu-central-1
endpoint = s3.eu-central-1.wasabisys.com

[open]
type = s3
provider = AWS
region = us-east-1

[mine]
type = s3
provider = AWS
env_auth = true
profile = home

[logs]
type = google cloud storage
service_account_file = /etc/robot.json

[logs2]
type = google cloud storage
client_id = ID
client_secret = hunter22
token = {"refresh_token":"hunter22"}

[azure]
type = azureblob
account = corp
key = hunter22

[sas]
type = azureblob
sas_url = https://corp.blob.core.windows.net/work?sv=1&sig=hunter22

[sas-cn]
type = azureblob
sas_url = https://corp.blob.core.chinacloudapi.cn?sv=1&sig=hunter22

[sas-own]
type = azureblob
sas_url = http://127.0.0.1:10000/devstoreaccount1/work?sv=1&sig=hunter22

[sas-domain]
type = azureblob
account = corp
sas_url = https://blobs.example.com/?sv=1&sig=hunter22

[sas-none]
type = azureblob
sas_url = http://127.0.0.1:10000?sv=1&sig=hunter22

[sas-odd]
type = azureblob
sas_url = ftp://hunter22?sv=1&sig=hunter22

[cpk]
type = azureblob
account = corp
key = hunter22
access_tier = cool

[kms]
type = s3
provider = AWS
access_key_id = K
secret_access_key = hunter22
server_side_encryption = aws:kms
sse_kms_key_id = hunter22

[plain]
type = s3
provider = AWS
access_key_id = K
secret_access_key = hunter22
acl = private
storage_class = STANDARD
server_side_encryption = AES256
chunk_size = 5Mi
description = mine

[glacier]
type = s3
provider = AWS
env_auth = true
storage_class = GLACIER

[theirs]
type = s3
provider = AWS
env_auth = true
profile = work
shared_credentials_file = /etc/keys

[nearline]
type = google cloud storage
env_auth = true
object_acl = private
storage_class = NEARLINE

[home]
type = google cloud storage
service_account_file = ~/robot.json

[here]
type = google cloud storage
service_account_file = robot.json

[nas]
type = sftp
host = nas
pass = hunter22

[secret]
type = crypt
remote = nas:x
password = hunter22

[cloudy]
type = pcloud
token = {"access_token":"hunter22"}
`

// TestConvert makes a volume of each kind of remote, and says why not where there is none.
func TestConvert(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rclone.conf")
	writeFile(t, file, someRemotes)
	here, home := t.TempDir(), t.TempDir()
	t.Chdir(here)
	t.Setenv("HOME", home)
	a := &app{}
	s, err := a.readRemotes(file)
	if err != nil {
		t.Fatal(err)
	}
	for arg, want := range map[string]string{
		"gd":             "gdrive://My Drive client_id=ID root=my +client_secret +token",
		"gd:x":           "a volume is a whole drive",
		"gd-team":        "gdrive://0ABC client_id=ID drive_id=0ABC root=drive +token",
		"gd-shared":      "gdrive://Shared with me client_id=ID root=shared-with-me +token",
		"gd-theirs":      "rclone's own client id",
		"gd-part":        "rclone://gd-part config_file=" + file,
		"gd-new":         "rclone config reconnect gd-new:",
		"one":            "onedrive://OneDrive client_id=ID drive_id=D1 drive_type=business region=us +token",
		"one:/Work/x/":   "onedrive://Work/x client_id=ID drive_id=D1 drive_type=business folder=Work/x region=us +token",
		"box":            "dropbox://Dropbox client_id=ID +token",
		"r2":             "say which bucket",
		"r2:photos":      "s3://photos access_key_id=K dialect=r2 endpoint=https://acc.r2.cloudflarestorage.com +access_key_id +secret_access_key",
		"r2:photos/x":    "say which bucket",
		"cold:c":         "wasabi://c access_key_id=K endpoint=https://s3.eu-central-1.wasabisys.com region=eu-central-1 +access_key_id +secret_access_key",
		"open:o":         "s3://o anonymous=true region=us-east-1",
		"mine:m":         "s3://m profile=home",
		"logs:l":         "gcs://l credentials_file=/etc/robot.json",
		"logs2:l":        "gcs://l account=ID auth=stored +credentials",
		"azure:work":     "azblob://work account=corp auth=key +account_key",
		"azure":          "say which container",
		"sas:work":       "azblob://work account=corp auth=sas +sas",
		"sas":            "say which container",
		"sas:other":      "its sas_url is that of the container work",
		"sas-cn:work":    "azblob://work account=corp auth=sas endpoint=https://corp.blob.core.chinacloudapi.cn +sas",
		"sas-own:work":   "azblob://work account=devstoreaccount1 auth=sas endpoint=http://127.0.0.1:10000/devstoreaccount1 +sas",
		"sas-domain:www": "azblob://www account=corp auth=sas endpoint=https://blobs.example.com +sas",
		"sas-none:www":   "its sas_url does not name the account",
		"sas-odd:www":    "its sas_url is no URL",
		"cpk:work":       "it sets access_tier, which only rclone's own code heeds: name the remote alone",
		"kms:k":          "it sets server_side_encryption and sse_kms_key_id, which only rclone's own code heeds",
		"kms":            "it sets server_side_encryption and sse_kms_key_id, which only rclone's own code heeds: remote \"kms\" is of type \"s3\", which this build",
		"plain:p":        "s3://p access_key_id=K +access_key_id +secret_access_key",
		"glacier:g":      "it sets storage_class, which",
		"theirs:t":       "it sets shared_credentials_file, which",
		"nearline:n":     "it sets storage_class, which",
		"gd-part:x":      "it sets root_folder_id, which",
		"home:h":         "gcs://h credentials_file=" + filepath.Join(home, "robot.json"),
		"here:h":         "gcs://h credentials_file=" + filepath.Join(here, "robot.json"),
		"nas":            "rclone://nas config_file=" + file,
		"nas:x":          "name the remote alone",
		"cloudy":         "which this build does not have",
		"secret":         "rclone://secret config_file=" + file,
	} {
		rows, err := s.plan([]string{arg})
		if err != nil {
			t.Fatal(err)
		}
		row := rows[0]
		got := row.URI
		d := row.draft
		for _, key := range slices.Sorted(maps.Keys(d.Config)) {
			if d.Config[key] != "" {
				got += " " + key + "=" + d.Config[key]
			}
		}
		for _, key := range slices.Sorted(maps.Keys(d.secrets)) {
			if d.secrets[key] != "" {
				got += " +" + key
			}
		}
		if row.State == "refused" {
			got = row.Why
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %q, want %q", arg, got, want)
			}
		} else if got != want {
			t.Errorf("%s: got\n  %s\nwant\n  %s", arg, got, want)
		}
		if strings.Contains(got, "hunter22") {
			t.Errorf("%s: a secret is shown: %s", arg, got)
		}
	}
	if _, err := s.plan([]string{"nobody"}); err == nil || !strings.Contains(err.Error(), "nas") {
		t.Errorf("got %v, want one that names what there is", err)
	}
}

// TestImport adds remotes of several kinds from a configuration, which stays as it was.
func TestImport(t *testing.T) {
	t.Parallel()
	c := clouds.Start(t)
	server := testserver.Versitygw(t, "photos")
	s := newSandbox(t)
	s.env = append(s.env, c.Env()...)
	folder := t.TempDir()
	c.Drive.Expire() // the token in the file is an old one
	config := "[gd]\ntype = drive\nclient_id = " + drive.ClientID + "\nclient_secret = " + drive.ClientSecret + "\nscope = drive\ntoken = " + c.Drive.Token() +
		"\n\n[box]\ntype = dropbox\nclient_id = " + dropbox.ClientID + "\ntoken = " + c.Dropbox.Token() +
		"\n\n[nas]\ntype = s3\nprovider = Minio\nendpoint = " + server.URL + "\nregion = us-east-1\naccess_key_id = " + testserver.AccessKey + "\nsecret_access_key = " + testserver.SecretKey +
		"\n\n[disk]\ntype = alias\nremote = " + folder + "\n\n[theirs]\ntype = onedrive\ntoken = {}\n"
	file := filepath.Join(s.home, ".config", "rclone", "rclone.conf")
	writeFile(t, file, config)

	s.must("volume", "import-rclone", "--list").want(t, 0, "gdrive://My Drive", "")
	s.must("volume", "import-rclone", "--list").want(t, 0, "rclone's own client id", "")
	s.run("volume", "import-rclone", "gd").want(t, 1, "", "--yes agrees")
	s.run("volume", "import-rclone", "theirs", "--yes").want(t, 1, "", "")
	var rows []importRow
	s.decode(&rows, "volume", "import-rclone", "gd", "box", "nas:photos", "--yes")
	for _, row := range rows {
		if row.State != "added" {
			t.Errorf("got %+v", row)
		}
	}
	s.must("volume", "list").want(t, 0, "account="+drive.UserEmail, "")
	s.must("volume", "import-rclone", "gd", "--yes").want(t, 0, "there already", "")
	for _, root := range []string{"gdrive://My Drive", "dropbox://Dropbox", "s3://photos"} {
		s.useAll(root)
	}
	if now, err := os.ReadFile(file); err != nil || string(now) != config {
		t.Errorf("rclone's configuration was changed: %v", err)
	}

	// Revoked logins, one of which was not too old yet.
	c.Drive.Revoke()
	c.Dropbox.Revoke()
	for _, remote := range []string{"gd", "box"} {
		s.run("volume", "import-rclone", "--yes", remote).want(t, 1, "", "'rclone config reconnect "+remote+":' logs in anew")
	}
}
