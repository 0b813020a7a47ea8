#!/bin/sh
# peers.sh NAME...: builds the tools compare.py measures seep against, each at a pinned version,
# into ${XDG_CACHE_HOME:-$HOME/.cache}/seep-test/peers. `peers.sh -l` lists the names. What a Go
# module proxy does not have is left out; compare.py takes a binary by --peer NAME=FILE as well.
set -eu

GOTOOLCHAIN=${SEEP_TEST_GO:-go1.26.8}
CGO_ENABLED=0
GOFLAGS=-buildvcs=false
GOWORK=off
GOBIN=${XDG_CACHE_HOME:-$HOME/.cache}/seep-test/peers
export GOTOOLCHAIN CGO_ENABLED GOFLAGS GOWORK GOBIN
mkdir -p "$GOBIN"

status=0
install_package() {
	[ -x "$GOBIN/$1" ] || nice -n 10 go install "$2" || status=1
}

[ "${1-}" != -l ] || { echo 'dlv grf viewcore'; exit 0; }
[ $# -gt 0 ] || set -- dlv grf viewcore
for name; do
	case $name in
	dlv) install_package dlv github.com/go-delve/delve/cmd/dlv@v1.27.2 ;;
	grf) install_package grf "github.com/cloudwego/goref/cmd/grf@${GOREF_VERSION:-latest}" ;;
	viewcore) install_package viewcore "golang.org/x/debug/cmd/viewcore@${VIEWCORE_VERSION:-latest}" ;;
	*)
		echo "peers.sh: no peer $name" >&2
		exit 2
		;;
	esac
done
exit $status
