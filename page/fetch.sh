#!/bin/sh
# Usage: fetch.sh NPM FOLDER
#
# Sees to it that FOLDER/node_modules holds what package-lock.json asks for. No script of a package is run.
set -eu
source=$(dirname "$0")
npm=$1
folder=$2
mkdir -p "$folder"
if [ -d "$folder/node_modules" ] && cmp -s "$source/package-lock.json" "$folder/package-lock.json"; then
	exit 0
fi
cp "$source/package.json" "$source/.npmrc" "$folder/"
cp "$source/package-lock.json" "$folder/"
# A failure must not pass for success the next time.
"$npm" --prefix "$folder" ci --ignore-scripts --prefer-offline --no-audit --no-fund --fetch-retries=0 --loglevel=error >&2 || {
	rm -f "$folder/package-lock.json"
	exit 1
}
