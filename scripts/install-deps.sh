#!/usr/bin/env bash
# install-deps.sh WHAT…: make sure that the system has what the given steps need.
#   go     a Go command of at least 1.21 (it fetches the version that go.mod names)
#   cc     a C compiler and the C library's headers (SQLite is C)
#   fuse   fusermount3 and /dev/fuse
#   make   make and git
#   test   programs that the tests run on the mount; not gnome-keyring, which brings a whole
#          desktop's libraries for one test
#   node   Node.js of at least 18 and npm, which some of the servers for tests run on
#   bench  programs that `make bench` measures against
#   bench-index  the same for `make bench-index`
# Nothing happens when all is there. Otherwise only what is missing is installed, by
# the system's package manager, with sudo only when not root; each command is shown first.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
export PATH=$PWD/.tools/go/bin:$PATH:/usr/local/go/bin:/usr/sbin:/sbin
go_min=21

have() { command -v "$1" >/dev/null 2>&1; }
say() { printf '%s\n' "$*" >&2; }
run() { say "+ $*"; "$@" </dev/null >&2; }

manager=none
for m in apt-get dnf pacman apk zypper; do
	if have "$m"; then manager=$m; break; fi
done

# pick APT DNF PACMAN APK ZYPPER: the package names for this system's manager.
pick() {
	case $manager in
	apt-get) echo "$1" ;;
	dnf) echo "$2" ;;
	pacman) echo "$3" ;;
	apk) echo "$4" ;;
	zypper) echo "$5" ;;
	none) echo "$1" ;;
	esac
}

go_works() {
	have go || return 1
	local v
	v=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) || return 1
	v=${v#go1.}
	[ "${v%%[!0-9]*}" -ge "$go_min" ] 2>/dev/null
}
cc_works() { have cc && printf '#include <stdlib.h>\n' | cc -E - >/dev/null 2>&1; }

certificates() {
	local f
	for f in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem \
		/etc/ssl/cert.pem /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem; do
		if [ -s "$f" ]; then return 0; fi
	done
	return 1
}

packages=()
need() { have "$1" || packages+=($(pick "${@:2}")); }
for what in "$@"; do
	case $what in
	go)
		go_works || have go || packages+=($(pick golang-go golang go go go))
		# Without certificates no module can be fetched.
		certificates || packages+=(ca-certificates)
		;;
	cc) cc_works || packages+=($(pick 'gcc libc6-dev' 'gcc glibc-devel' 'gcc glibc' 'gcc musl-dev' 'gcc glibc-devel')) ;;
	fuse) need fusermount3 fuse3 fuse3 fuse3 fuse3 fuse3 ;;
	make)
		need make make make make make make
		need git git git git git git
		;;
	test)
		need git git git git git git
		need rsync rsync rsync rsync rsync rsync
		need sqlite3 sqlite3 sqlite sqlite sqlite sqlite3
		need setfattr attr attr attr attr attr
		need setfacl acl acl acl acl acl
		need tar tar tar tar tar tar
		need zip zip zip zip zip zip
		need unzip unzip unzip unzip unzip unzip
		need vim vim vim-enhanced vim vim vim
		need ffmpeg ffmpeg ffmpeg-free ffmpeg ffmpeg ffmpeg
		;;
	node)
		need node nodejs nodejs nodejs nodejs nodejs
		need npm npm nodejs-npm npm npm npm-default
		;;
	bench)
		need s3fs s3fs s3fs-fuse s3fs-fuse s3fs-fuse s3fs
		need bindfs bindfs bindfs bindfs bindfs bindfs
		;;
	bench-index)
		need b3sum b3sum b3sum b3sum b3sum b3sum
		need updatedb plocate plocate plocate plocate plocate
		;;
	*) say "install-deps.sh: unknown word $what"; exit 2 ;;
	esac
done

install_packages() {
	local sudo=()
	if [ "$(id -u)" -ne 0 ]; then
		if ! have sudo; then
			say "missing: $*. There is no sudo here; as root, run: $(install_words "$@")"
			exit 1
		fi
		sudo=(sudo)
		say "missing: $*; sudo is asked for to install them"
	fi
	case $manager in
	apt-get)
		local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q)
		run "${apt[@]}" install --no-install-recommends "$@" ||
			{ run "${apt[@]}" update && run "${apt[@]}" install --no-install-recommends "$@"; }
		;;
	dnf) run "${sudo[@]}" dnf -y install "$@" ;;
	pacman) run "${sudo[@]}" pacman -Sy --noconfirm --needed "$@" ;;
	apk) run "${sudo[@]}" apk add "$@" ;;
	zypper) run "${sudo[@]}" zypper --non-interactive install "$@" ;;
	none)
		say "missing: $*. No package manager that is known here (apt, dnf, pacman, apk, zypper) was found;"
		say "install these programs by hand and run the command again."
		exit 1
		;;
	esac || {
		say "installing did not work. To go on, install by hand: $*"
		exit 1
	}
}
install_words() {
	case $manager in
	apt-get) echo "apt-get install $*" ;;
	pacman) echo "pacman -S $*" ;;
	apk) echo "apk add $*" ;;
	*) echo "$manager install $*" ;;
	esac
}

# An old distribution's Go cannot fetch a newer one by itself, but it can fetch it as
# a module, checked against Go's checksum database like any other.
bootstrap_go() {
	local version os arch dir
	version=$(awk '$1 == "go" {print $2}' go.mod)
	os=$(go env GOOS) arch=$(go env GOARCH)
	say "this system's $(go version | cut -d' ' -f3) is too old; fetching go$version into .tools/go"
	dir=$(mktemp -d)
	(cd "$dir" && GOTOOLCHAIN=local GOFLAGS=-modcacherw GOMODCACHE="$dir/mod" \
		go mod download "golang.org/toolchain@v0.0.1-go$version.$os-$arch") </dev/null >&2 || {
		rm -rf "$dir"
		say "Go 1.$go_min or newer is needed: see https://go.dev/doc/install"
		exit 1
	}
	mkdir -p .tools
	rm -rf .tools/go
	mv "$dir/mod/golang.org/toolchain@v0.0.1-go$version.$os-$arch" .tools/go
	rm -rf "$dir"
	chmod +x .tools/go/bin/* .tools/go/pkg/tool/*/*
}

if [ ${#packages[@]} -gt 0 ]; then install_packages "${packages[@]}"; fi

for what in "$@"; do
	case $what in
	go) go_works || bootstrap_go ;;
	cc)
		cc_works || { say "no working C compiler: install gcc and the C library's headers"; exit 1; }
		;;
	fuse)
		if [ ! -e /dev/fuse ] && [ "$(id -u)" -eq 0 ] && have modprobe; then
			run modprobe fuse || true
		fi
		if [ ! -e /dev/fuse ]; then
			say "there is no /dev/fuse: load the module (as root: modprobe fuse); in a container,"
			say "start it with --device /dev/fuse --cap-add SYS_ADMIN"
			exit 1
		fi
		;;
	node)
		v=$(node --version)
		v=${v#v}
		if [ "${v%%.*}" -lt 18 ]; then
			say "Node.js $v is too old for the servers that tests run: install 18 or newer, see https://nodejs.org"
			exit 1
		fi
		;;
	test)
		# Some tests mount as an ordinary user. udev gives the device this mode; a bare
		# machine has no udev.
		if [ "$(id -u)" -eq 0 ] && [ "$(stat -L -c %a /dev/fuse)" != 666 ]; then
			run chmod 666 /dev/fuse
		fi
		;;
	esac
done
