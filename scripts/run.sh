#!/usr/bin/env bash
# run.sh [MOUNTPOINT]: mount the tree unless it is mounted, and say what to try.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

if [ $# -gt 0 ]; then
	mountpoint=$1
elif [ "$(id -u)" -eq 0 ]; then
	mountpoint=/sd
else
	mountpoint=$HOME/sd
fi

if bin/sd --json status | grep -qF "\"mountpoint\": \"$mountpoint\""; then
	echo "$mountpoint is mounted already (make stop ends it)"
else
	bin/sd mount -- "$mountpoint"
fi

cat <<END

Open $mountpoint in a file manager, or try:
  ls $mountpoint                       the kinds of places
  ls $mountpoint/local/*/              this machine's files
  bin/sd path "$PWD/README.md"         the same file's name as a URI
  bin/sd volume add-cloud NAME --service s3 --bucket BUCKET
                                       add a bucket; it appears in $mountpoint/s3
  bin/sd status                        what is mounted, and how it does
END
if bin/sd --json volume list | grep -qF '"name": "demo"'; then
	cat <<END
and with the bucket of samples:
  ls -l $mountpoint/s3/demo
  cat $mountpoint/s3/demo/hello.txt
  bin/sd cat s3://demo/poems/tyger.txt
END
fi
echo "make stop unmounts it."
