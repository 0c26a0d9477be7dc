package fs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sd/internal/mounttest"
	"sd/internal/testserver"
)

// cloudPrograms are what people do to files on a volume. Each script must end well and
// print and leave what it does on the bare file system. Sizes and counts are small:
// every close waits for the server.
var cloudPrograms = map[string]string{
	"vim": `
		seq 200 > f; cp f g
		vim -Nu NONE -i NONE -es -c 'set backup backupext=.bak directory=. updatecount=1' \
			-c '%s/^1/one/' -c 'call writefile([bufname("%"), fnamemodify(swapname("%"), ":t")], "swap")' -c 'wq' f
		vim -Nu NONE -i NONE -es -c 'set nobackup writebackup backupcopy=no' -c '$s/$/ end/' -c 'wq' g
		vim -Nu NONE -i NONE -es -c 'set backupcopy=yes' -c 'normal ggdd' -c 'wq' g
		printf '%s\n' 'a' 'a new file' '.' 'wq' | vim -Nu NONE -i NONE -es new
		cat swap new; tail -n 1 g; ls -A`,
	"sed": `
		seq 100 > f; chmod 640 f; sed -i 's/^5/five/' f; sed -i.bak '/9/d' f; wc -l < f; stat -c %a f f.bak`,
	"git": `
		export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' HOME=$PWD
		git -c init.defaultBranch=main init -q repo; cd repo; git config user.email a@b; git config user.name a
		for i in 1 2 3 4; do mkdir d$i; seq $((i*100)) > d$i/f; done; ln -s d1/f link; chmod +x d2/f
		git add .; git commit -qm one; echo more >> d1/f; git mv d4 d5; git commit -qam two
		git gc -q --prune=now; git fsck --full 2>&1 | grep -v ^Checking || true; git status --porcelain; git log --format=%H%s; git count-objects -v | grep -E 'count|garbage'
		cd ..; git clone -q repo copy; cd copy; git status --porcelain; git log --format=%H; git checkout -q HEAD~1; ls; rm -rf ../repo/d5; git -C ../repo status --porcelain`,
	"sqlite": `
		sqlite3 db 'create table t(a); insert into t values(1)'
		for i in 2 3 4; do sqlite3 db "insert into t values($i)"; done
		sqlite3 db 'begin; insert into t select a+10 from t; rollback; update t set a = a*2 where a > 2; pragma integrity_check; select group_concat(a) from t'
		ls -A`,
	"sqlite in WAL mode": `
		sqlite3 db 'pragma journal_mode=wal; create table t(a)'
		for i in 1 2 3; do sqlite3 db "insert into t values($i)"; done; sqlite3 db 'pragma integrity_check; select sum(a) from t'; ls -A`,
	"shell": `
		echo one > log; for i in 2 3 4; do echo $i >> log; done; echo five | tee -a log copy > /dev/null; cat log
		head -c 20000 /dev/zero | tr '\0' x > blob; printf YYYY | dd of=blob bs=1 seek=9000 conv=notrunc status=none
		dd if=/dev/zero of=blob bs=4096 seek=2 count=1 conv=notrunc,fsync status=none; cksum < blob; truncate -s 12345 blob; cksum < blob; truncate -s 30000 blob; cksum < blob
		touch -d @1000000000 log; chmod 750 log; cp -p log kept; stat -c '%a %Y' kept; mv kept moved; mkdir sub; mv moved sub/; cp -a sub sub2; mv sub2 sub3
		: > empty; ln -s blob soft; readlink soft; cksum < soft; cmp -s log sub3/moved && echo same; rm copy; find . | sort`,
	"rsync": `
		mkdir -p a/b/empty; for i in $(seq 8); do head -c $((i*3000)) /dev/zero | tr '\0' $i > a/b/$i; done
		chmod 600 a/b/3; chmod 700 a/b; ln -s 5 a/b/soft; find a -exec touch -h -d @1000000000 {} +
		rsync -a a/ c/; rsync -a --itemize-changes a/ c/; rsync -ac --itemize-changes a/ c/; diff -r a c
		echo more >> a/b/1; touch -d @1100000000 a/b/1; rsync -a --delete --itemize-changes a/ c/ | cut -c1-4; rsync -a --inplace --itemize-changes a/ c/`,
	"tar": `
		mkdir -p a/b/empty; for i in $(seq 6); do seq $((i*500)) > a/b/$i; done; chmod 640 a/b/3; chmod 500 a/b/4; ln -s 5 a/b/soft
		find a -depth -exec touch -h -d @1000000000 {} +; tar --sort=name -cf t.tar a; mkdir x; tar -xpf t.tar -C x; diff -r --no-dereference a x/a
		tar -df t.tar -C x && echo equal; tar -czf t.tgz -C x a; tar -tzf t.tgz | wc -l; rm t.tgz; echo more > x/more; tar -rf t.tar -C x more; tar -tf t.tar | tail -n 1; rm t.tar`,
	"zip": `
		mkdir d; for i in 1 2 3; do seq $((i*1000)) > d/$i; done; find d -depth -exec touch -d @1000000000 {} +
		zip -qrX z.zip d; unzip -tq z.zip; mkdir x; unzip -q z.zip -d x; diff -r d x/d; echo new > d/4; zip -qX z.zip d/4; zip -qd z.zip d/1; unzip -Z1 z.zip | sort; rm z.zip`,
	"ffmpeg": `
		export AV_LOG_FORCE_NOCOLOR=1
		ffmpeg -nostdin -v error -f lavfi -i testsrc=duration=2:size=320x240:rate=25 -f lavfi -i sine=duration=2 -c:v mpeg4 -q:v 2 -c:a aac \
			-threads 1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact -movflags +faststart out.mp4
		head -c 2000 out.mp4 | grep -c moov; ffmpeg -nostdin -v error -i out.mp4 -c copy -bitexact -movflags +faststart -y again.mp4; ffmpeg -nostdin -v error -i again.mp4 -f null -`,
	// Not in CI, for its size (260 MB): apt-get install libreoffice-writer-nogui, and run
	// go test -run 'TestProgramsOnAVolume/libreoffice' ./fs
	"libreoffice": `
		export HOME=$HOME_OUTSIDE; office() { soffice --headless -env:UserInstallation=file://$HOME_OUTSIDE/office "$@" > /dev/null 2>&1; }
		seq 50 > f.txt; office --convert-to odt f.txt; for i in 1 2; do office --convert-to odt f.odt; done
		unzip -tq f.odt | sed s/f.odt//; office --convert-to txt:Text f.odt; cat f.txt; ls -A; rm f.odt`,
}

// missing is why a script cannot run here, "" if it can.
func missing(name string) string {
	if name == "libreoffice" {
		if _, err := exec.LookPath("soffice"); err != nil {
			return "LibreOffice is not installed"
		}
	}
	return ""
}

// runsAlike runs every script on the bare file system and in a folder of its own below
// root, and compares what they print and leave. It gives what was left, by script.
func runsAlike(t *testing.T, root string) map[string]map[string]string {
	left := map[string]map[string]string{}
	for name, script := range cloudPrograms {
		t.Run(name, func(t *testing.T) {
			if why := missing(name); why != "" {
				t.Skip(why)
			}
			t.Setenv("HOME_OUTSIDE", t.TempDir())
			bare, dir := t.TempDir(), filepath.Join(root, name)
			must(t, os.Mkdir(dir, 0o755))
			want := runScript(t, bare, script)
			if got := runScript(t, dir, script); got != want {
				t.Errorf("on the volume:\n%s\non the bare file system:\n%s", got, want)
			}
			left[name] = snapshot(t, dir, ".git")
			sameTree(t, "on the volume", left[name], snapshot(t, bare, ".git"))
		})
	}
	return left
}

func programsOnAVolume(t *testing.T, o mounttest.Options) {
	c := newCloud(t, o, testserver.Versitygw)
	left := runsAlike(t, c.at(""))
	c.drain(t)
	for name := range left {
		c.noLitter(t, name)
	}
	c.remount(t)
	for name, want := range left {
		sameTree(t, name+" after a remount", snapshot(t, c.at(name), ".git"), want)
	}
}

func TestProgramsOnAVolume(t *testing.T) { programsOnAVolume(t, mounttest.Options{}) }

func TestProgramsOnAVolumeWriteBack(t *testing.T) {
	programsOnAVolume(t, mounttest.Options{WriteBack: true})
}

// The scripts themselves hold where nothing of a volume is involved.
func TestProgramsOfAVolumeBelowLocal(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	_, shown := localDir(t, m)
	runsAlike(t, shown)
}
