#!/usr/bin/env bash
# tools.sh [demo] [test] [lint] [bench]: build the pinned programs that these steps use
# into .tools/bin. They stay out of go.mod; a stamp makes a second call instant.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
export PATH=$PWD/.tools/go/bin:$PATH:/usr/local/go/bin
bin=$PWD/.tools/bin
mkdir -p "$bin"

# tool NAME PACKAGE VERSION
tool() {
	local stamp=$bin/.$1@$3
	if [ -x "$bin/$1" ] && [ -e "$stamp" ]; then return; fi
	echo "building $1 $3 into .tools/bin" >&2
	GOFLAGS=-buildvcs=false GOBIN=$bin go install "$2@$3" </dev/null
	rm -f "$bin/.$1@"*
	: >"$stamp"
}

# npm_tools: the programs that scripts/npm/package.json names, as its lock file pins them.
# They are installed beside what is there, which tests may be using.
npm_tools() {
	local dir=$PWD/.tools/npm new=$PWD/.tools/npm.new
	if cmp -s scripts/npm/package-lock.json "$dir/installed"; then return; fi
	echo "installing the npm packages of scripts/npm into .tools/npm" >&2
	rm -rf "$new"
	mkdir -p "$new"
	cp scripts/npm/package.json scripts/npm/package-lock.json "$new"
	(cd "$new" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) </dev/null >&2
	cp scripts/npm/package-lock.json "$new/installed"
	rm -rf "$dir"
	mv "$new" "$dir"
}

rclone() { tool rclone github.com/rclone/rclone v1.76.0; }
versitygw() { tool versitygw github.com/versity/versitygw/cmd/versitygw v1.8.0; }

for what in "$@"; do
	case $what in
	demo) versitygw ;;
	test)
		versitygw
		tool gofakes3 github.com/johannesboyne/gofakes3/cmd/gofakes3 v1.2.0
		tool fake-gcs-server github.com/fsouza/fake-gcs-server v1.56.1
		rclone
		npm_tools
		;;
	lint) tool staticcheck honnef.co/go/tools/cmd/staticcheck v0.8.2 ;;
	bench) rclone ;;
	*) echo "tools.sh: unknown word $what" >&2; exit 2 ;;
	esac
done
