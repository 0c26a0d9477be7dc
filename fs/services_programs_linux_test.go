package fs_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"sd/internal/mounttest"
	"sd/internal/services"
)

// servicePrograms are cloudPrograms in short, for every service. Each must print and leave what
// it does on the bare file system.
var servicePrograms = []struct{ name, script string }{
	{"cp -a", `
		mkdir -p a/b/empty; for i in 1 2 3; do seq $((i*300)) > a/b/$i; done; chmod 640 a/b/2; ln -s 3 a/b/soft
		find a -depth -exec touch -h -d @1000000000 {} +; cp -a a c; diff -r --no-dereference a c; stat -c '%a %Y %N' c/b/* | sort; cp a/b/1 new; cp new a/b/3; cksum < a/b/3`},
	{"tar", `
		mkdir -p a/b; for i in 1 2 3; do seq $((i*500)) > a/b/$i; done; chmod 500 a/b/3; ln -s 2 a/b/soft; find a -depth -exec touch -h -d @1000000000 {} +
		tar --sort=name -cf t.tar a; mkdir x; tar -xpf t.tar -C x; diff -r --no-dereference a x/a; tar -df t.tar -C x && echo equal; rm t.tar`},
	{"rsync -a", `
		mkdir -p a/b/empty; for i in 1 2 3 4; do seq $((i*300)) > a/b/$i; done; chmod 600 a/b/3; ln -s 4 a/b/soft; find a -exec touch -h -d @1000000000 {} +
		rsync -a a/ c/; rsync -a --itemize-changes a/ c/; diff -r a c; echo more >> a/b/1; touch -d @1100000000 a/b/1; rm a/b/2; rsync -a --delete --itemize-changes a/ c/ | cut -c1-4; rsync -a --inplace --itemize-changes a/ c/`},
	{"git", `
		export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' HOME=$PWD
		git -c init.defaultBranch=main init -q --template= repo; cd repo; git config user.email a@b; git config user.name a
		mkdir d; seq 300 > d/f; ln -s d/f link; git add .; git commit -qm one; echo more >> d/f; git commit -qam two
		git fsck --full 2>&1 | grep -v ^Checking || true; git status --porcelain; git log --format=%H%s`},
	{"safe-save", `
		seq 200 > f; cp f g
		vim -Nu NONE -i NONE -es -c 'set backup backupext=.bak directory=. updatecount=1' -c '%s/^1/one/' -c 'wq' f
		vim -Nu NONE -i NONE -es -c 'set nobackup writebackup backupcopy=no' -c '$s/$/ end/' -c 'wq' g
		vim -Nu NONE -i NONE -es -c 'set backupcopy=yes' -c 'normal ggdd' -c 'wq' g
		sed -i 's/^5/five/' f; echo new > .f.tmp; sync .f.tmp; mv .f.tmp f.new; mv f.new f2; cksum < f; tail -n 1 g; ls -A`},
	{"shell", `
		echo one > log; for i in 2 3; do echo $i >> log; done; head -c 20000 /dev/zero | tr '\0' x > blob; printf YYYY | dd of=blob bs=1 seek=9000 conv=notrunc status=none
		cksum < blob; truncate -s 12345 blob; cksum < blob; truncate -s 30000 blob; cksum < blob; touch -d @1000000000 log; chmod 750 log; cp -p log kept; stat -c '%a %Y' kept
		mkdir sub; mv kept sub/; mv sub sub2; : > empty; find . | sort`},
}

// tryPrograms runs programs on a service, and looks at what they left once more through another
// mount. Changes of others are asked for every second.
func tryPrograms(t *testing.T, s services.Service, note noting) {
	bare := t.TempDir()
	limits := services.Patient
	limits.Poll = time.Second
	x := newSite(t, s, mounttest.Options{RetryMin: 20 * time.Millisecond, RenameSettle: 100 * time.Millisecond}, limits)
	for _, p := range servicePrograms {
		t.Run(p.name, func(t *testing.T) {
			defer func() { note(p.name, passed(t)) }()
			here, dir := filepath.Join(bare, p.name), x.at(p.name)
			must(t, os.Mkdir(here, 0o755))
			must(t, os.Mkdir(dir, 0o755))
			want := runScript(t, here, p.script)
			if got := runScript(t, dir, p.script); got != want {
				t.Errorf("on the volume:\n%s\non the bare file system:\n%s", got, want)
			}
			sameTree(t, "on the volume", snapshot(t, dir, ".git"), snapshot(t, here, ".git"))
		})
	}
	x.drain(t)
	x.remount(t)
	for _, p := range servicePrograms {
		here := filepath.Join(bare, p.name)
		if _, err := os.Lstat(here); err == nil {
			sameTree(t, p.name+" after a remount", snapshot(t, x.at(p.name), ".git"), snapshot(t, here, ".git"))
		}
	}
}
