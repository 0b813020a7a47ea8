#!/usr/bin/env bash
# Usage: tools/go-toolchain.sh VERSION | host
#
# Prints the path of the `go` command of that release, and fetches it first if need be. VERSION is
# 1.22.12, or 1.22 for the patch release named in tools/go-releases.txt; `host` is the go command
# this machine has, whatever its release.
#
# Call the command that is printed with GOTOOLCHAIN=local and without GOROOT in the environment.
#
# A release comes from the first of these that has it:
#   1. the go command of this machine, when it is that release;
#   2. the cache folder, where earlier calls left it;
#   3. a go command of 1.21 or later, which fetches other releases as modules (GOTOOLCHAIN);
#   4. an older go command, which can download the same module but not make it ready to run;
#   5. Debian's golang-1.N-go and golang-1.N-src, unpacked beside the system, not installed. Their
#      patch release may be another one, which is said on stderr.
#
# Exit status: 0 printed, 1 not to be had here (reason on stderr), 2 usage.
set -euo pipefail

tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/seep-test
unset GOROOT

host_go() {
	local go
	for go in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go/bin/go; do
		if [ -n "$go" ] && [ -x "$go" ]; then
			echo "$go"
			return 0
		fi
	done
	return 1
}

# release GO: the release of a go command, as 1.22.12
release() {
	GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null | sed -n 's/^go\([0-9][0-9.]*\).*/\1/p'
}

# works GO: whether it answers and has its compiler
works() {
	[ -x "$1" ] && GOTOOLCHAIN=local "$1" tool compile -V >/dev/null 2>&1
}

from_module_by_go() {
	local root
	root=$(cd / && GOFLAGS= GOTOOLCHAIN="go$version" "$host" env GOROOT) || return 1
	works "$root/bin/go" && [ "$(release "$root/bin/go")" = "$version" ] || return 1
	echo "$root/bin/go"
}

from_module_by_hand() {
	local module="golang.org/toolchain@v0.0.1-go$version.linux-$arch" scratch file
	scratch=$(mktemp -d "$cache/fetch.XXXXXX")
	if ! (cd / && GOFLAGS=-modcacherw GOMODCACHE="$scratch" "$host" mod download "$module") >&2; then
		rm -rf "$scratch"
		return 1
	fi
	# A module cannot carry permissions, nor folders with a go.mod of their own.
	chmod -R u+w "$scratch"
	chmod +x "$scratch/$module"/bin/* "$scratch/$module"/pkg/tool/*/*
	while IFS= read -r file; do
		cp "$file" "${file%_go.mod}go.mod"
	done < <(find "$scratch/$module" -name _go.mod)
	keep "$scratch" "$scratch/$module"
}

from_debian() {
	local minor scratch package packages
	command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
	minor=$(echo "$version" | cut -d. -f1,2)
	scratch=$(mktemp -d "$cache/fetch.XXXXXX")
	packages="golang-$minor-go golang-$minor-src"
	# shellcheck disable=SC2086
	if ! (cd "$scratch" && apt-get -q download $packages) >"$scratch/log" 2>&1; then
		rm -rf "$scratch"
		return 1
	fi
	for package in "$scratch"/*.deb; do
		dpkg -x "$package" "$scratch/root"
		rm "$package"
	done
	# lib/go-1.N refers to ../../share/go-1.N: keep both, and a bin/go at the place all others have it.
	mkdir "$scratch/root/bin"
	printf '#!/bin/sh\nunset GOROOT\nexec "$(dirname "$(readlink -f "$0")")/../usr/lib/go-%s/bin/go" "$@"\n' \
		"$minor" >"$scratch/root/bin/go"
	chmod +x "$scratch/root/bin/go"
	works "$scratch/root/bin/go" || { rm -rf "$scratch"; return 1; }
	keep "$scratch" "$scratch/root"
}

# keep SCRATCH ROOT: moves a finished toolchain to its place, which another process may have filled meanwhile
keep() {
	if works "$2/bin/go" && mv -T "$2" "$cache/go$version" 2>/dev/null; then :; fi
	rm -rf "$1"
	works "$cache/go$version/bin/go" || return 1
	echo "$cache/go$version/bin/go"
}

[ $# -eq 1 ] || { sed -n '2,3s/^# \?//p' "$0" >&2; exit 2; }
case $1 in
host) host_go || { echo "no go command found" >&2; exit 1; }; exit 0 ;;
*[!0-9.]* | '') echo "$0: not a Go release: $1" >&2; exit 2 ;;
*.*.*) version=$1 ;;
*) version=$(grep -E "^$1\.[0-9]+$" "$tools/go-releases.txt") ||
	{ echo "$0: no patch release of $1 in go-releases.txt" >&2; exit 2; } ;;
esac
case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) echo "no Go toolchain known for $(uname -m)" >&2; exit 1 ;;
esac

mkdir -p "$cache"
host=$(host_go || true)
host_release=
[ -z "$host" ] || host_release=$(release "$host")
if [ "$host_release" = "$version" ]; then
	echo "$host"
	exit 0
fi
if works "$cache/go$version/bin/go"; then
	echo "$cache/go$version/bin/go"
	exit 0
fi
rm -rf "${cache:?}/go$version"
if [ -n "$host_release" ]; then
	if [ "$(printf '%s\n' 1.21 "$host_release" | sort -V | head -n 1)" = 1.21 ]; then
		from_module_by_go && exit 0
	else
		from_module_by_hand && exit 0
	fi
fi
if go=$(from_debian); then
	echo "Go $version: using Debian's $(release "$go") in its place" >&2
	echo "$go"
	exit 0
fi
echo "Go $version is not to be had here, neither as a module nor from Debian" >&2
exit 1
