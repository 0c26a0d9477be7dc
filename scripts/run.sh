#!/usr/bin/env bash
# run.sh start|stop [MOUNTPOINT]: mount the tree unless it is mounted and say what to
# try; or unmount it.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

if [ $# -gt 1 ]; then
	mountpoint=$(readlink -f -- "$(dirname -- "$2")")/$(basename -- "$2")
elif [ "$(id -u)" -eq 0 ]; then
	mountpoint=/sd
else
	mountpoint=$HOME/sd
fi
mounted() { bin/sd --json status | grep -qF "\"mountpoint\": \"$mountpoint\""; }

case ${1-} in
stop)
	if [ -x bin/sd ] && mounted; then bin/sd umount "$mountpoint"; fi
	exit
	;;
start) ;;
*) echo "usage: run.sh start|stop [MOUNTPOINT]" >&2; exit 2 ;;
esac

if mounted; then
	echo "$mountpoint is mounted already (make stop ends it)"
else
	bin/sd mount -- "$mountpoint"
fi
cat <<END

Open $mountpoint in a file manager, or try:
  ls $mountpoint
  ls $mountpoint/local/*/
  bin/sd path "$PWD/README.md"      the same file's name as a URI
  bin/sd status                     what is mounted, and how it does
  bin/sd location add ~/Pictures    index a folder; then: bin/sd search '*.jpg'
  bin/sd volume add-cloud NAME --service s3 --bucket BUCKET
                                    add a bucket; it appears in $mountpoint/s3
END
if bin/sd --json volume list | grep -qF '"uri": "s3://demo"'; then
	cat <<END
and with the bucket of samples:
  ls -l $mountpoint/s3/demo
  cat $mountpoint/s3/demo/hello.txt
  bin/sd cat s3://demo/poems/tyger.txt
END
fi
echo "make stop unmounts it."
