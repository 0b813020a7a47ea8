#!/bin/sh
# build.sh NAME...: builds servers to look at, each at a pinned version, into
# ${XDG_CACHE_HOME:-$HOME/.cache}/seep-test/servers/NAME and NAME.stripped (no symbols, no DWARF).
# What is there already is left alone; -f builds anew. `build.sh -l` lists the names.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/seep-test/servers
all='nats caddy etcd coredns prometheus caddy-cgo nats-old etcd-old caddy-old'

# Newer Go releases than the one named here compile the same code into other frames and types.
GOTOOLCHAIN=${SEEP_TEST_GO:-go1.26.8}
CGO_ENABLED=0
GOFLAGS=-buildvcs=false
GOWORK=off
export GOTOOLCHAIN CGO_ENABLED GOFLAGS GOWORK

# install PACKAGE@VERSION [go install options]
install_package() {
	package=$1
	shift
	mkdir -p "$work/bin"
	GOBIN=$work/bin nice -n 10 go install "$@" "$package"
	mv "$work"/bin/* "$work/out"
}

# build_module FOLDER: a module of this folder that pins what it builds by go.mod and go.sum.
build_module() {
	(cd "$here/$1" && nice -n 10 go build -mod=readonly -o "$work/out" .)
}

build() {
	case $1 in
	nats) install_package github.com/nats-io/nats-server/v2@v2.15.2 ;;
	caddy) install_package github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9 ;;
	etcd) build_module etcd ;;
	coredns) install_package github.com/coredns/coredns@v1.15.0 ;;
	# Without service discovery: its dozens of cloud SDKs are most of the build and none of the
	# server.
	prometheus) install_package github.com/prometheus/prometheus/cmd/prometheus@v0.316.0 \
		-tags remove_all_sd ;;
	# With C threads and the resolver of the C library.
	caddy-cgo) CGO_ENABLED=1 install_package github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9 ;;
	# Earlier releases, with the Go of their time.
	nats-old) GOTOOLCHAIN=go1.20.14 install_package github.com/nats-io/nats-server/v2@v2.9.25 ;;
	caddy-old) GOTOOLCHAIN=go1.22.12 install_package github.com/caddyserver/caddy/v2/cmd/caddy@v2.8.4 ;;
	etcd-old) GOTOOLCHAIN=go1.23.12 build_module etcd-old ;;
	*)
		echo "build.sh: no server $1; there are: $all" >&2
		exit 2
		;;
	esac
}

force=
case ${1-} in
-l)
	printf '%s\n' $all
	exit 0
	;;
-f)
	force=1
	shift
	;;
esac
[ $# -gt 0 ] || set -- $all
mkdir -p "$cache"
for name; do
	[ -z "$force" ] && [ -x "$cache/$name" ] && [ -x "$cache/$name.stripped" ] && continue
	work=$(mktemp -d "${TMPDIR:-/tmp}/seep-server.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	start=$(date +%s)
	build "$name"
	strip -s -o "$work/stripped" "$work/out"
	mv "$work/stripped" "$cache/$name.stripped"
	mv "$work/out" "$cache/$name"
	rm -rf "$work"
	echo "$name: built in $(($(date +%s) - start)) s"
done
