#!/usr/bin/env bash
# test.sh: go vet, every test under the race detector, and then a look that no mount
# and no process of the tests is left.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
export PATH=$PWD/.tools/go/bin:$PWD/.tools/bin:$PATH:/usr/local/go/bin
export GOFLAGS=-buildvcs=false

# All that the tests make lies below this folder, so what is left can be told apart
# from other work on the machine.
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/sd-test.XXXXXX")
export TMPDIR

# An ordinary user's half of some tests must be able to reach its files.
chmod 711 "$TMPDIR"

go vet ./...
status=0
# Races of libraries that harm nobody. An ordinary user's tests read this, too.
install -m 644 scripts/races.txt "$TMPDIR/races.txt"
export GORACE="suppressions='$TMPDIR/races.txt' ${GORACE:-}"

# The longest come first.
go test -race -timeout 20m ./fs ./cmd/sd ./backends/rclone ./... || status=$?

mounts=$(awk -v dir="$TMPDIR/" 'index($5, dir) == 1 {print $5}' /proc/self/mountinfo)
if [ -n "$mounts" ]; then
	printf 'left mounted after the tests:\n%s\n' "$mounts" >&2
	while read -r m; do umount -l "$m" 2>/dev/null || fusermount3 -uz "$m" || true; done <<<"$mounts"
	status=1
fi

left=$(for p in /proc/[0-9]*; do
	[ "$p" != "/proc/$$" ] || continue
	line=$(tr '\0' ' ' <"$p/cmdline" 2>/dev/null) || continue
	exe=$(readlink "$p/exe" 2>/dev/null) || true
	case "$line $exe" in *"$TMPDIR"/*) printf '%s %s\n' "${p#/proc/}" "$line" ;; esac
done)
if [ -n "$left" ]; then
	printf 'left running after the tests:\n%s\n' "$left" >&2
	status=1
fi

if [ -z "$mounts" ]; then
	chmod -R u+rwX "$TMPDIR" 2>/dev/null || true
	rm -rf --one-file-system "$TMPDIR"
fi
if [ "$status" -eq 0 ]; then echo "all tests passed; nothing is left mounted or running"; fi
exit "$status"
