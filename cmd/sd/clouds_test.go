package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sd/internal/clouds"
	"sd/internal/clouds/drive"
	"sd/internal/clouds/dropbox"
	"sd/internal/clouds/onedrive"
	"sd/internal/testserver"
	"sd/library"
	"sd/login"
	"sd/sdpath"
)

// useAll writes, lists, reads and removes a file of a volume.
func (s *sandbox) useAll(root string) {
	s.t.Helper()
	s.runWith("hello from sd", nil, "cp", "-", root+"/notes/a b.txt").want(s.t, 0, "", "")
	s.must("ls", "-l", root+"/notes").want(s.t, 0, "a b.txt", "")
	s.must("cat", root+"/notes/a b.txt").want(s.t, 0, "hello from sd", "")
	s.must("rm", "--permanent", "--yes", root+"/notes/a b.txt")
	s.run("cat", root+"/notes/a b.txt").want(s.t, 1, "", "no such file")
}

// holdsNone looks for secrets in all that a user's folders hold and that was printed.
func (s *sandbox) holdsNone(printed string, secrets ...string) {
	s.t.Helper()
	err := filepath.WalkDir(s.home, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, secret := range secrets {
			if bytes.Contains(content, []byte(secret)) {
				s.t.Errorf("%s holds a secret", path)
			}
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
	for _, secret := range secrets {
		if strings.Contains(printed, secret) {
			s.t.Errorf("a secret is printed: %s", printed)
		}
	}
}

func TestAddGCS(t *testing.T) {
	t.Parallel()
	server := testserver.FakeGCS(t, "logs")
	s := newSandbox(t)
	s.must("volume", "add-cloud", "logs", "--service", "gs", "--bucket", "logs", "--endpoint", server.URL, "--anonymous").want(t, 0, "gcs://logs", "")
	s.useAll("gs://logs")
	s.run("volume", "add-cloud", "x", "--service", "gcs", "--bucket", "none", "--endpoint", server.URL, "--anonymous").want(t, 1, "", "--bucket")
	s.run("volume", "login", "logs").want(t, 1, "", "public")
}

// TestAddGCSByKey keeps the key of a service account, from a pipe or where it lies.
func TestAddGCSByKey(t *testing.T) {
	t.Parallel()
	const key = `{"type":"service_account","client_email":"robot@example.com","private_key":"PRIVATE-4711"}`
	s := newSandbox(t)
	file := filepath.Join(t.TempDir(), "robot.json")
	writeFile(t, file, key)
	s.must("volume", "add-cloud", "a", "--service", "gcs", "--bucket", "logs", "--no-check", "--credentials", file).want(t, 0, "gcs://logs", "")
	r := s.runWith(key, nil, "-vv", "volume", "add-cloud", "b", "--service", "gcs", "--bucket", "logs", "--no-check", "--credentials", "-")
	r.want(t, 0, "gcs://logs-2", "")
	s.must("volume", "list").want(t, 0, "credentials_file="+file, "")
	s.must("volume", "list").want(t, 0, "account=robot@example.com", "")
	s.run("volume", "login", "a").want(t, 1, "", "put the new one there")
	s.runWith(strings.Replace(key, "robot@", "other@", 1), nil, "volume", "login", "b", "--secret-stdin").want(t, 1, "", "of the account robot@example.com")
	s.holdsNone(r.out+r.err+s.must("--json", "volume", "list").out, "PRIVATE-4711")

	// An HMAC key speaks the protocol of S3.
	s.runWith("hmac-secret-4711", nil, "volume", "add-cloud", "c", "--service", "gcs", "--bucket", "logs", "--no-check",
		"--access-key-id", "GOOG1E", "--secret-stdin").want(t, 0, "gcs://logs-3", "")
}

func TestAddAzBlob(t *testing.T) {
	t.Parallel()
	server := testserver.NewAzurite(t, "work")
	s := newSandbox(t)
	add := func(input string, env []string, more ...string) result {
		return s.runWith(input, env, append([]string{"volume", "add-cloud"}, more...)...)
	}
	flags := []string{"--service", "azblob", "--account", testserver.AzureAccount, "--container", "work", "--endpoint", server.Endpoint}
	add(testserver.AzureKey+"\n", nil, append(flags, "work", "--secret-stdin")...).want(t, 0, "azblob://work", "")
	s.useAll("azblob://work")
	add("bm90IHRoZSBrZXk=", nil, append(flags, "bad", "--auth", "key", "--secret-stdin")...).want(t, 1, "", "already")

	// Another way to the same container is another volume.
	connection := "DefaultEndpointsProtocol=http;AccountName=" + testserver.AzureAccount + ";AccountKey=" + testserver.AzureKey + ";BlobEndpoint=" + server.Endpoint + ";"
	s.must("volume", "remove-cloud", "work")
	add(connection, nil, "work", "--service", "azblob", "--container", "work", "--connection-string-stdin").want(t, 0, "azblob://work", "")
	s.must("volume", "test", "work")
	s.must("volume", "remove-cloud", "work")
	add("", []string{"AZURE_STORAGE_KEY=" + testserver.AzureKey}, append(flags, "work")...).want(t, 0, "added", "")
	s.must("volume", "test", "work")
	s.must("volume", "remove-cloud", "work")
	wrong := add("bm90IHRoZSBrZXk=", nil, append(flags, "work", "--secret-stdin")...)
	wrong.want(t, 1, "", "--no-check")
	wrong.want(t, 1, "", "check it") // there is no volume yet that could be logged in to

	// The key is changed.
	add("bm90IHRoZSBrZXk=", nil, append(flags, "work", "--secret-stdin", "--no-check")...).want(t, 0, "added", "")
	s.run("cat", "azblob://work/x").want(t, 1, "", "")
	s.runWith("bm90IHRoZSBrZXk=", nil, "volume", "login", "work", "--secret-stdin").want(t, 1, "", "nothing was changed")
	s.runWith(testserver.AzureKey, nil, "volume", "login", "work", "--secret-stdin").want(t, 0, "new key", "")
	s.useAll("azblob://work")
	s.holdsNone(s.must("--json", "volume", "list").out, testserver.AzureKey)
}

func TestConnectionStrings(t *testing.T) {
	for text, want := range map[string]azureAccount{
		"AccountName=a;AccountKey=a2V5==;EndpointSuffix=core.windows.net":                  {"a", "", authKey, "a2V5=="},
		"AccountName=a;AccountKey=a2V5;EndpointSuffix=core.chinacloudapi.cn":               {"a", "https://a.blob.core.chinacloudapi.cn", authKey, "a2V5"},
		`"BlobEndpoint=http://h/a;AccountName=a;SharedAccessSignature=?sv=1&sig=x%3D" `:    {"a", "http://h/a", authSAS, "sv=1&sig=x%3D"},
		"AccountName=a;AccountKey=a2V5;BlobEndpoint=http://h:1/a;QueueEndpoint=http://h:2": {"a", "http://h:1/a", authKey, "a2V5"},
	} {
		if got, err := parseConnection(text, addFlags{}); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"hunter22", "AccountName=a", "AccountName=a;hunter22", "UseDevelopmentStorage=true"} {
		if _, err := parseConnection(text, addFlags{}); err == nil || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: got %v, want an error that does not quote it", text, err)
		}
	}
}

// TestAzureVariables takes from the environment what is of the account that is meant.
func TestAzureVariables(t *testing.T) {
	for _, name := range []string{azureAccountVariable, azureKeyVariable, azureSASVariable, azureConnectionVariable} {
		t.Setenv(name, "")
	}
	for _, tt := range []struct {
		env  map[string]string
		f    addFlags
		want string // account and auth, or the error
	}{
		{map[string]string{azureKeyVariable: "k"}, addFlags{account: "corp"}, "corp key"},
		{map[string]string{azureKeyVariable: "k", azureAccountVariable: "corp"}, addFlags{}, "corp key"},
		{map[string]string{azureKeyVariable: "k", azureAccountVariable: "corp"}, addFlags{account: "corp"}, "corp key"},
		{map[string]string{azureKeyVariable: "k", azureAccountVariable: "home"}, addFlags{account: "corp"}, "corp default"},
		{map[string]string{azureSASVariable: "k", azureAccountVariable: "home"}, addFlags{account: "corp"}, "corp default"},
		{map[string]string{azureKeyVariable: "k", azureAccountVariable: "home"}, addFlags{account: "corp", auth: authKey}, "set AZURE_STORAGE_KEY"},
		{map[string]string{azureConnectionVariable: "AccountName=corp;AccountKey=k"}, addFlags{account: "corp"}, "corp key"},
		{map[string]string{azureConnectionVariable: "AccountName=home;AccountKey=k"}, addFlags{account: "corp"}, "AZURE_STORAGE_CONNECTION_STRING is of another account than --account corp: unset it, or choose another login with --auth"},
		{map[string]string{azureConnectionVariable: "AccountName=home;AccountKey=k"}, addFlags{account: "corp", auth: authDefault}, "corp default"},
	} {
		for name, text := range tt.env {
			t.Setenv(name, text)
		}
		account, err := (&app{in: strings.NewReader(""), errOut: io.Discard}).azureAccount(tt.f)
		got := account.name + " " + account.auth
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
			t.Errorf("%v with %+v: got %q, want %q", tt.env, tt.f, got, tt.want)
		}
		for name := range tt.env {
			t.Setenv(name, "")
		}
	}
}

// TestSameAccount tells by its drive whose a login to OneDrive is, for names are not one's
// own, and change; elsewhere by the e-mail address.
func TestSameAccount(t *testing.T) {
	volume := func(service sdpath.Service, account, drive, kind string) library.Volume {
		return library.Volume{Service: service, Config: map[string]string{configAccount: account, configDriveID: drive, configDriveType: kind}}
	}
	olga := login.Account{Name: "Olga One", Drives: []login.Drive{{ID: "D1"}}}
	for _, tt := range []struct {
		v    library.Volume
		who  login.Account
		want bool
	}{
		{volume(sdpath.OneDrive, "Olga One", "D1", "personal"), olga, true},
		{volume(sdpath.OneDrive, "Olga Before", "D1", "personal"), olga, true},
		{volume(sdpath.OneDrive, "Olga One", "D2", "personal"), olga, false},
		{volume(sdpath.OneDrive, "Olga One", "d1", "business"), olga, true},
		{volume(sdpath.OneDrive, "Olga One", "TEAM", "documentLibrary"), olga, true},
		{volume(sdpath.OneDrive, "Another", "TEAM", "documentLibrary"), olga, false},
		{volume(sdpath.GDrive, "Olga One", "TEAM", ""), olga, true},
		{volume(sdpath.GDrive, "Another", "", ""), olga, false},
		{volume(sdpath.Dropbox, "Another", "", ""), olga, false},
		{volume(sdpath.Dropbox, "", "", ""), olga, true},
	} {
		if got := sameAccount(tt.v, tt.who); got != tt.want {
			t.Errorf("%s %v: got %v, want %v", tt.v.Service, tt.v.Config, got, tt.want)
		}
	}
}

// atDesk gives the user a browser that opens what xdg-open is given, once.
func (s *sandbox) atDesk(c *clouds.Clouds) (env []string) {
	s.t.Helper()
	dir := s.t.TempDir()
	asked := filepath.Join(dir, "asked")
	script := "#!/bin/sh\nprintf '%s' \"$1\" >" + asked + ".new && mv " + asked + ".new " + asked + "\n"
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o755); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if address, err := os.ReadFile(asked); err == nil {
				os.Remove(asked)
				_, _ = c.Visit(ctx, string(address))
			}
			pause(ctx)
		}
	}()
	s.t.Cleanup(func() { cancel(); <-done })
	return append(c.Env(), "PATH="+dir+":"+filepath.Dir(binary)+":"+os.Getenv("PATH"))
}

// cloudLogin is what it takes to log in to one of the services.
type cloudLogin struct {
	service, client, secret, account, root string
}

func cloudLogins() []cloudLogin {
	return []cloudLogin{
		{"gdrive", drive.ClientID, drive.ClientSecret, drive.UserEmail, "gdrive://My Drive"},
		{"onedrive", onedrive.ClientID, "", onedrive.UserEmail, "onedrive://OneDrive"},
		{"dropbox", dropbox.ClientID, "", dropbox.UserEmail, "dropbox://Dropbox"},
	}
}

// add logs in with the browser and adds the volume.
func (l cloudLogin) add(s *sandbox, env []string, more ...string) result {
	s.t.Helper()
	if l.secret != "" {
		env = append(env, "SD_CLIENT_SECRET="+l.secret)
	}
	return s.runWith("", env, append([]string{"volume", "add-cloud", l.service, "--service", l.service, "--client-id", l.client}, more...)...)
}

func TestAddDrives(t *testing.T) {
	for _, l := range cloudLogins() {
		t.Run(l.service, func(t *testing.T) {
			t.Parallel()
			c := clouds.Start(t)
			s := newSandbox(t)
			env := s.atDesk(c)
			other := []string{"SD_CLIENT_SECRET=GOCSPX-of-another"} // which is for Google alone
			if l.service != "gdrive" {
				env = append(env, other...)
				l.add(s, env, "--folder", "not/there").want(t, 1, "", "check --folder")
			} else {
				l.secret, other = "GOCSPX-of-another", nil
				l.add(s, env).want(t, 1, "", "the secret is what SD_CLIENT_SECRET holds")
				l.secret = drive.ClientSecret
			}
			r := l.add(s, env)
			r.want(t, 0, "added \""+l.service+"\" as "+l.root, "as "+l.account)
			s.env = append(s.env, c.Env()...)
			s.must("volume", "test", l.service).want(t, 0, "answers", "")
			s.must("volume", "list").want(t, 0, "account="+l.account, "")
			s.useAll(l.root)
			l.add(s, env).want(t, 1, "", "choose another name")

			// The login ends, and begins anew.
			server := map[string]interface{ Revoke() }{"gdrive": c.Drive, "onedrive": c.OneDrive, "dropbox": c.Dropbox}[l.service]
			server.Revoke()
			again := fmt.Sprintf("'sd volume login %s'", l.service)
			s.run("ls", l.root).want(t, 1, "", again)
			s.env = append(s.env, other...)
			s.run("volume", "test", l.service).want(t, 1, "", again)
			s.run("doctor").want(t, 1, "sd volume login "+l.service, "")
			s.runWith("x", nil, "cp", "-", l.root+"/x").want(t, 1, "", again)
			s.runWith("", env, "volume", "login", l.service).want(t, 0, "has its new key", "as "+l.account)
			s.useAll(l.root)
			if l.secret != "" {
				s.holdsNone(r.out+r.err, l.secret)
			}
		})
	}
}

// TestAddSharedDrives finds drives by their names.
func TestAddSharedDrives(t *testing.T) {
	t.Parallel()
	c := clouds.Start(t)
	s := newSandbox(t)
	env := s.atDesk(c)
	team := c.Drive.AddDrive("Team")
	c.Drive.AddDrive("Twin")
	c.Drive.AddDrive("Twin")
	c.Drive.SeedShared("from Eve.txt", []byte("hi"), false)
	add := func(name, drive string) result {
		l := cloudLogins()[0]
		l.service = "gdrive"
		return s.runWith("", append(env, "SD_CLIENT_SECRET="+l.secret), "volume", "add-cloud", name, "--service", "gdrive", "--client-id", l.client, "--drive", drive)
	}
	add("a", "Team").want(t, 0, "gdrive://Team", "")
	add("b", "shared with me").want(t, 0, "gdrive://Shared with me", "")
	add("c", "My Drive").want(t, 0, "gdrive://My Drive", "")
	add("d", "Twin").want(t, 1, "", "2 drives of that name")
	add("e", "Nobody's").want(t, 1, "", `it has "My Drive", "Shared with me", "Team"`)
	add("f", team).want(t, 1, "", "already")
	s.env = append(s.env, c.Env()...)
	s.useAll("gdrive://Team")
	s.must("ls", "gdrive://Shared with me").want(t, 0, "from Eve.txt", "")
}

// TestHeadless logs in with a browser on another machine: what it shows is typed in.
func TestHeadless(t *testing.T) {
	t.Parallel()
	c := clouds.Start(t)
	s := newSandbox(t)
	s.env = append(s.env, c.Env()...)
	cmd := s.command("volume", "add-cloud", "box", "--service", "dropbox", "--client-id", dropbox.ClientID, "--headless")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	told, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	piece := make([]byte, 4096)
	for !strings.Contains(text.String(), "paste the code") {
		n, err := told.Read(piece)
		if err != nil {
			t.Fatalf("%v after:\n%s", err, text.String())
		}
		text.Write(piece[:n])
	}
	for _, word := range strings.Fields(text.String()) {
		if !strings.HasPrefix(word, "https://") {
			continue
		}
		code, err := c.Visit(t.Context(), word)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintln(in, code)
	}
	rest, _ := io.ReadAll(told)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v:\n%s%s", err, text.String(), rest)
	}
	s.useAll("dropbox://Dropbox")
}
