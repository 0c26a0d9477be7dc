package clouds

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sd/internal/clouds/drive"
)

// fetch asks for one file of Drive with a token.
func fetch(ctx context.Context, c *Clouds, id string) (string, error) {
	client, err := c.Client()
	if err != nil {
		return "", err
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://www.googleapis.com/drive/v3/files/"+id+"?alt=media", nil)
	if err != nil {
		return "", err
	}
	_, token, _ := strings.Cut(c.Drive.Token(), `"access_token":"`)
	token, _, _ = strings.Cut(token, `"`)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return resp.Status + " " + string(body), nil
	}
	return string(body), err
}

func TestFaults(t *testing.T) {
	c := Start(t)
	id := c.Drive.Seed("a.txt", []byte("some content"))
	ctx := t.Context()

	c.Drive.TornBody("files.media", 4, 1)
	if got, err := fetch(ctx, c, id); err == nil || got != "some" {
		t.Errorf("a torn body: got %q, %v", got, err)
	}
	c.Drive.LostAnswer("files.media", 1)
	if got, err := fetch(ctx, c, id); err == nil {
		t.Errorf("a lost answer: got %q", got)
	}
	c.Drive.Fault(func(r *http.Request) http.Handler {
		if c.Drive.Route(r) == "files.media" {
			return drive.Refuse(403, "userRateLimitExceeded")
		}
		return nil
	})
	if got, err := fetch(ctx, c, id); err != nil || !strings.HasPrefix(got, "403") || !strings.Contains(got, "userRateLimitExceeded") {
		t.Errorf("a refusal: got %q, %v", got, err)
	}
	c.Drive.Heal()

	c.Drive.Dead(true)
	if got, err := fetch(ctx, c, id); err == nil {
		t.Errorf("a dead service: got %q", got)
	}
	c.Drive.Heal()

	c.Drive.Hang(true)
	short, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	before := c.Drive.Count("files.media")
	go func() {
		_, err := fetch(short, c, id)
		ended <- err
	}()
	if err := c.Drive.Await(ctx, "files.media", before+1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("a hanging service: got %v, want %v", err, context.Canceled)
	}
	c.Drive.Heal()

	if got, err := fetch(ctx, c, id); err != nil || got != "some content" {
		t.Errorf("after all faults: got %q, %v", got, err)
	}
	requests := c.Drive.Requests()
	if last := requests[len(requests)-1]; last.Route != "files.media" || last.Status != 200 || last.Header.Get("Authorization") == "" {
		t.Errorf("the last request is %+v", last)
	}
}

// Nothing but the clouds is reached through the proxy.
func TestOtherHosts(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Visit(t.Context(), "https://elsewhere.example/"); err == nil {
		t.Error("another host was reached")
	}
	if got := c.Refused(); len(got) != 1 || got[0] != "elsewhere.example:443" {
		t.Errorf("refused %v, want elsewhere.example:443", got)
	}
}

const childVariable = "SD_CLOUDS_CHILD"

// A child process with Env needs no option to reach the clouds.
func TestEnv(t *testing.T) {
	if address := os.Getenv(childVariable); address != "" {
		resp, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("got %s, want 401", resp.Status)
		}
		return
	}
	c := Start(t)
	for _, address := range []string{"https://www.googleapis.com/drive/v3/about", "https://graph.microsoft.com/v1.0/me"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEnv$")
		cmd.Env = append(append(os.Environ(), c.Env()...), childVariable+"="+address)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", address, err, text)
		}
	}
	if c.Drive.Count("") != 1 || c.OneDrive.Count("") != 1 {
		t.Errorf("%d and %d requests arrived, want one each", c.Drive.Count(""), c.OneDrive.Count(""))
	}
}
