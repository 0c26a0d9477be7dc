#!/usr/bin/env bash
# lint.sh: gofmt, go vet here and for the other systems, staticcheck, import layers.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
export PATH=$PWD/.tools/go/bin:$PWD/.tools/bin:$PATH:/usr/local/go/bin
export GOFLAGS=-buildvcs=false

step() { printf '%s\n' "lint: $*" >&2; }

step gofmt
unformatted=$(find . -name '*.go' -not -path './.tools/*' -exec gofmt -l {} +)
if [ -n "$unformatted" ]; then
	printf 'not formatted (run make fmt):\n%s\n' "$unformatted" >&2
	exit 1
fi

step go vet
go vet ./...
scripts/vet-cross.sh

step staticcheck
staticcheck ./...

step import layers
scripts/layers.sh

step shell scripts
for s in scripts/*.sh .ci/run; do bash -n "$s"; done
sh -n scripts/mount.sd
