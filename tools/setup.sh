#!/usr/bin/env bash
# Usage: tools/setup.sh
#
# Sees to it that what the build and the tests need is there: says nothing when it is; otherwise
# installs the Debian packages as root or by sudo without a password, or else prints the line that
# would do it and exits 1. Things are looked for by what they do, not by package, so that another
# distribution's, or one built by hand, will do.
set -euo pipefail

tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
required=()
optional=()

has() { command -v "$1" >/dev/null 2>&1; }
includes() { echo "#include <$1>" | gcc -E -x c - >/dev/null 2>&1; }

look() {
	required=()
	optional=()
	has gcc || required+=(gcc)
	has gcc && includes argp.h || required+=(libc6-dev)
	has meson || required+=(meson)
	has ninja || required+=(ninja-build)
	has pkg-config || required+=(pkg-config)
	pkg-config --exists capstone 2>/dev/null || required+=(libcapstone-dev)
	pkg-config --exists jansson 2>/dev/null || required+=(libjansson-dev)
	pkg-config --exists libzstd 2>/dev/null || required+=(libzstd-dev)
	pkg-config --exists zlib 2>/dev/null || required+=(zlib1g-dev)
	pkg-config --exists cmocka 2>/dev/null || required+=(libcmocka-dev)
	has scdoc || required+=(scdoc)
	has python3 || required+=(python3)
	has git || required+=(git)
	"$tools/go-toolchain.sh" host >/dev/null 2>&1 || required+=(golang-go)
	# Without it the formatting is not checked, nothing else.
	has clang-format-14 || optional+=(clang-format-14)
	# Without it there are no cores of arm64 programs to test with.
	has qemu-aarch64 || has qemu-aarch64-static || optional+=(qemu-user)
	# Without them there is no --format html, and without a browser its pages are not tested.
	has npm || optional+=(npm)
	has chromium || optional+=(chromium)
}

install() {
	# Package lists may be missing or too old; fetch them only when they turn out to be.
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" && return
	as_root apt-get update &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

look
if [ ${#required[@]} -eq 0 ]; then
	exit 0
fi

line="apt-get update && apt-get install -y --no-install-recommends ${required[*]} ${optional[*]}"
line=${line% }
if ! has apt-get; then
	echo "Missing; these are the names of the Debian packages that have it: ${required[*]}" >&2
	exit 1
elif [ "$(id -u)" -eq 0 ]; then
	as_root() { "$@"; }
elif has sudo && sudo -n true 2>/dev/null; then
	as_root() { sudo -n "$@"; }
else
	echo "Missing: ${required[*]}. Install them as root:" >&2
	echo "    $line" >&2
	exit 1
fi

echo "Installing ${required[*]} ${optional[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! install "${required[@]}" "${optional[@]}" </dev/null >"$log" 2>&1 &&
	! install "${required[@]}" </dev/null >>"$log" 2>&1; then
	tail -n 20 "$log" >&2
	echo "The installation failed. The line was:" >&2
	echo "    $line" >&2
	exit 1
fi
hash -r
look
if [ ${#required[@]} -ne 0 ]; then
	echo "Still missing after the installation: ${required[*]}" >&2
	exit 1
fi
