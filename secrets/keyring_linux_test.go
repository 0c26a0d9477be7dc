package secrets

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// inSession is set for the copy of the test that runs beside a keyring.
const inSession = "SD_TEST_KEYRING"

// TestRealKeyring keeps a secret in GNOME's keyring, in a session of its own.
func TestRealKeyring(t *testing.T) {
	if os.Getenv(inSession) != "" {
		keepInKeyring(t)
		return
	}
	for _, program := range []string{"dbus-run-session", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s here", program)
		}
	}
	home := t.TempDir()
	// A bus that starts nothing by itself: a second keyring, without our password, would come
	// first if somebody asked before the one below is there.
	config := filepath.Join(home, "bus.conf")
	if err := os.WriteFile(config, []byte(`<busconfig><type>session</type><listen>unix:tmpdir=`+home+`</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`), 0o600); err != nil {
		t.Fatal(err)
	}
	// The daemon serves in the foreground, so that it ends with the session.
	script := `printf pw | gnome-keyring-daemon --foreground --unlock --components=secrets >"$HOME/log" 2>&1 & daemon=$!
"$0" -test.run '^TestRealKeyring$' -test.count=1; status=$?
kill "$daemon"; wait "$daemon"; exit "$status"`
	cmd := exec.Command("dbus-run-session", "--config-file", config, "--", "sh", "-c", script, os.Args[0])
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_RUNTIME_DIR=" + home, inSession + "=1"}
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		log, _ := os.ReadFile(filepath.Join(home, "log"))
		t.Fatalf("%v:\n%s\nthe keyring said:\n%s", err, out, log)
	}
}

func keepInKeyring(t *testing.T) {
	if !haveKeyring() {
		t.Fatal("no keyring is seen in a session that has a bus")
	}
	dir := t.TempDir()
	s := Open(dir).(*store)
	s.ring.patience = 30 * time.Second
	kept := func() []byte {
		data, _ := os.ReadFile(s.path("a"))
		return data
	}
	// The daemon may still be on its way to the bus; until it is there, files are used.
	for deadline := time.Now().Add(30 * time.Second); ; {
		if err := s.Set("a", []byte(hunter)); err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(kept(), inKeyring) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the secret is not in the keyring")
		}
		time.Sleep(20 * time.Millisecond)
	}
	again := Open(dir)
	if v, err := again.Get("a"); string(v) != hunter || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
	if err := again.Update("a", func(old []byte) ([]byte, error) { return append(old, '!'), nil }); err != nil {
		t.Error(err)
	}
	if v, err := s.Get("a"); string(v) != hunter+"!" || err != nil || !bytes.Equal(kept(), inKeyring) {
		t.Errorf("after a change: got %q, %v", v, err)
	}
	checkFiles(t, dir)
	if err := again.Delete("a"); err != nil {
		t.Error(err)
	}
}
