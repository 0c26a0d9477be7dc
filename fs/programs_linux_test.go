package fs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sd/internal/mounttest"
)

// Real programs must not notice the mount. Each script runs below local/ and beside
// it, and must end well and leave the same.
var programs = map[string]string{
	"git": `
		git init -q repo; cd repo; git config user.email a@b; git config user.name a
		for i in $(seq 30); do mkdir -p d$i; echo $i > d$i/f; ln -s f d$i/l; done
		git add .; git commit -qm one; echo more >> d1/f; git commit -qam two
		git clone -q . ../copy; cd ../copy; git gc -q --prune=now; git fsck --full
		git checkout -q HEAD~1; git status --porcelain; cd ..; rm -rf repo`,
	"go": `
		mkdir src; cd src; export GOFLAGS=-mod=mod GOTOOLCHAIN=local GOTMPDIR=$PWD
		printf 'module m\ngo 1.24\n' > go.mod
		printf 'package main\nfunc main() { println("built") }\n' > main.go
		go build -o prog . && ./prog 2> out; rm -rf prog go-build*; cat out`,
	"sqlite": `
		sqlite3 db 'pragma journal_mode=wal; create table t(a)' > /dev/null
		for i in 1 2 3 4; do (for j in $(seq 10); do sqlite3 -cmd '.timeout 20000' db "insert into t values($i)"; done) & done; wait
		sqlite3 db 'pragma integrity_check; select a, count(*) from t group by a'; sqlite3 db 'pragma wal_checkpoint(truncate)' > /dev/null; rm -f db*`,
	"rsync": `
		mkdir -p a/b; for i in $(seq 20); do head -c $((i*1000)) /dev/urandom > a/b/$i; done; chmod 600 a/b/3; ln a/b/4 a/b/hard; ln -s 5 a/b/soft
		touch -d @1000000000 a/b/6; rsync -aH a/ c/; rsync -aH --delete --itemize-changes a/ c/; diff -r a c; stat -c '%a %Y %h' c/b/3 c/b/4 c/b/6 | cut -d' ' -f1,3; rm -rf a c`,
	"tar": `
		mkdir -p a/b; for i in $(seq 20); do head -c $((i*100)) /dev/zero > a/b/$i; done; chmod 640 a/b/3; ln a/b/4 a/b/hard; ln -s 5 a/b/soft; mkfifo a/fifo
		truncate -s 1M a/hole; tar -cSf t.tar a; mkdir x; tar -xpf t.tar -C x; diff -r --no-dereference a/b x/a/b; stat -c '%a %h' x/a/b/3 x/a/b/4; test -p x/a/fifo && echo fifo; rm -rf a x t.tar`,
	"shell": `
		echo one > f; echo two >> f; sed -i s/one/1/ f; mv f g; cp -p g h; cmp g h; cat g
		mkdir -p d/e; cd d/e; rm -rf ../../d 2>/dev/null; cd ../..; ls -A; (flock -n 9 && echo locked) 9> lock
		dd if=/dev/zero of=big bs=1M count=3 conv=fsync status=none; dd if=big of=direct bs=1M oflag=direct status=none; cmp big direct
		find . -type f | sort; cp --reflink=auto big copy; cmp big copy; head -c 10 < big | wc -c`,
}

func runPrograms(t *testing.T, o mounttest.Options) {
	m := mounttest.Start(t, o)
	for name, script := range programs {
		t.Run(name, func(t *testing.T) {
			bare := runScript(t, t.TempDir(), script)
			_, shown := localDir(t, m)
			if got := runScript(t, shown, script); got != bare {
				t.Errorf("below the mount:\n%s\non the bare file system:\n%s", got, bare)
			}
		})
	}
}

// runScript runs a script in dir and gives its output and what it left there.
func runScript(t *testing.T, dir, script string) string {
	t.Helper()
	cmd := exec.Command("bash", "-c", "set -eu -o pipefail; umask 022; "+script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("in %s: %v\n%s", dir, err, out)
	}
	var left strings.Builder
	filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err == nil && !strings.Contains(p, ".git") {
			left.WriteString(strings.TrimPrefix(p, dir) + "\n")
		}
		return nil
	})
	return strings.ReplaceAll(string(out), dir, "DIR") + left.String()
}

func TestPrograms(t *testing.T)           { runPrograms(t, mounttest.Options{}) }
func TestProgramsAllowOther(t *testing.T) { runPrograms(t, mounttest.Options{AllowOther: true}) }
func TestProgramsAsUser(t *testing.T)     { mounttest.AsUser(t, nobody, "TestPrograms") }
