#!/bin/sh
# A folder of src/ may include only itself and the folders below it: data flows one way.
cd "$(dirname "$0")/../src" || exit 1
upper=
rc=0
for layer in cli report sift detect graph runtime binary target base; do
	if [ -d "$layer" ] && [ -n "$upper" ]; then
		! grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]+\"($upper)/" "$layer" || rc=1
	fi
	upper=${upper:+$upper|}$layer
done
[ "$rc" -eq 0 ] || echo "the includes above go against the order of the folders" >&2
exit "$rc"
