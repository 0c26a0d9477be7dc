#!/usr/bin/env bash
# demo.sh start|stop: an S3 server on loopback with a bucket of samples, as volume "demo".
# All of it lives in .tools/demo; the key is made up here and means nothing elsewhere.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
export PATH=$PWD/.tools/go/bin:$PWD/.tools/bin:$PATH:/usr/local/go/bin
home=$PWD/.tools/demo

# running: the server of an earlier start lives, and the pid is not another program's.
running() {
	[ -s "$home/pid" ] && [ "$(readlink "/proc/$(cat "$home/pid")/exe" 2>/dev/null)" = "$PWD/.tools/bin/versitygw" ]
}
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start() {
	mkdir -p "$home/buckets/demo" "$home/sidecar"
	chmod 700 "$home"
	if [ ! -s "$home/secret" ]; then
		(umask 077 && od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$home/secret")
	fi
	export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY
	AWS_SECRET_ACCESS_KEY=$(cat "$home/secret")
	unset AWS_PROFILE AWS_SESSION_TOKEN

	if ! running; then
		port=7480
		while answers "$port"; do port=$((port + 1)); done
		ROOT_ACCESS_KEY=$AWS_ACCESS_KEY_ID ROOT_SECRET_KEY=$AWS_SECRET_ACCESS_KEY \
			setsid versitygw --port "127.0.0.1:$port" --quiet posix --sidecar "$home/sidecar" "$home/buckets" \
			>"$home/log" 2>&1 </dev/null &
		echo $! >"$home/pid"
		echo "$port" >"$home/port"
		for _ in {1..100}; do
			if answers "$port" || ! running; then break; fi
			sleep 0.1
		done
		if ! running; then
			echo "the S3 server did not start:" >&2
			cat "$home/log" >&2
			exit 1
		fi
	fi
	endpoint=http://127.0.0.1:$(cat "$home/port")
	go run -buildvcs=false ./scripts/demo -endpoint "$endpoint" -bucket demo

	# The server may have another port than last time.
	bin/sd volume remove-cloud demo >/dev/null 2>&1 || true
	bin/sd volume add-cloud demo --service s3 --bucket demo --region us-east-1 --endpoint "$endpoint"
	echo "S3 server at $endpoint (access key demo, secret in $home/secret)"
}

stop() {
	if ! running; then return; fi
	if [ -x bin/sd ]; then bin/sd volume remove-cloud demo || true; fi
	pid=$(cat "$home/pid")
	kill "$pid"
	for _ in {1..50}; do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	rm -f "$home/pid" "$home/port"
}

case ${1-} in
start) start ;;
stop) stop ;;
*) echo "usage: demo.sh start|stop" >&2; exit 2 ;;
esac
