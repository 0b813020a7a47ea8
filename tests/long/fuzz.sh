#!/usr/bin/env bash
# Every parser's fuzzer for SEEP_FUZZ_SECONDS (default 120) from its corpus. Skipped without clang-14.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v clang-14 >/dev/null || { echo "clang-14 is not installed"; exit 77; }
[ -f build-fuzz/build.ninja ] ||
	CC=clang-14 meson setup build-fuzz -Dfuzzing=true -Db_sanitize=address,undefined -Db_lundef=false
ninja -C build-fuzz
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for fuzzer in build-fuzz/fuzz/*_fuzz; do
	name=$(basename "$fuzzer" _fuzz)
	mkdir "$scratch/$name"
	"$fuzzer" -max_total_time="${SEEP_FUZZ_SECONDS:-120}" "$scratch/$name" "fuzz/corpus/$name"
done
