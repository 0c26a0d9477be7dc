#!/usr/bin/env bash
# vet-cross.sh: the systems that sd is not run on here must at least compile.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
export PATH=$PWD/.tools/go/bin:$PATH:/usr/local/go/bin GOFLAGS=-buildvcs=false

for target in darwin/arm64 freebsd/amd64 linux/arm64; do
	printf 'lint: go vet for %s\n' "$target" >&2
	CGO_ENABLED=0 GOOS=${target%/*} GOARCH=${target#*/} go vet ./...
done

# SQLite is C, so a working arm64 binary needs a cross compiler.
if command -v aarch64-linux-gnu-gcc >/dev/null; then
	printf 'lint: go build for linux/arm64\n' >&2
	CGO_ENABLED=1 CC=aarch64-linux-gnu-gcc GOOS=linux GOARCH=arm64 go build -o /dev/null ./cmd/sd
else
	printf 'lint: go build for linux/arm64, without SQLite (there is no aarch64-linux-gnu-gcc)\n' >&2
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -o /dev/null ./cmd/sd
fi
