#!/usr/bin/env bash
# Style that needs no compiler: formatting, length of files, white space, and that every source file
# is one the build knows. Exit status: 0 good, 1 something found, 77 formatting could not be checked.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
rc=0
complain() {
	echo "$1"
	rc=1
}

mapfile -t c_files < <(find src tests/unit tests/support fuzz -name '*.[ch]' | sort)
mapfile -t scripts < <(grep -rlE '^#!.*\b(ba)?sh$' test demo .ci tools tests --exclude-dir=programs |
	sort)

for file in "${c_files[@]}"; do
	lines=$(wc -l <"$file")
	limit=800
	[[ $file != *.h ]] || limit=200
	[ "$lines" -le "$limit" ] || complain "$file: $lines lines, the limit is $limit"
done

for file in src/*/*.c tests/unit/*_test.c tests/support/*.c fuzz/*_fuzz.c; do
	[ -e "$file" ] || continue
	name=${file#src/}
	name=${name#fuzz/}
	name=${name#tests/}
	case $file in
	tests/unit/*) name=$(basename "$file" _test.c) list=tests/meson.build ;;
	tests/support/*)
		list=tests/meson.build
		! grep -q '^int main(' "$file" || name=$(basename "$file" .c)
		;;
	fuzz/*) name=$(basename "$file" _fuzz.c) list=fuzz/meson.build ;;
	*) list=src/meson.build ;;
	esac
	grep -qF "'$name'" "$list" || complain "$file: not in $list"
done

if [ ${#c_files[@]} -gt 0 ]; then
	! grep -nE '[[:blank:]]+$' "${c_files[@]}" || complain "white space at the end of the lines above"
fi
for file in "${scripts[@]}"; do
	bash -n "$file" || rc=1
done
python3 - tests/run_programs.py tools/*.py <<'PYTHON' || rc=1
import ast, sys
for path in sys.argv[1:]:
    ast.parse(open(path, encoding="utf-8").read(), path)
PYTHON

if command -v clang-format-14 >/dev/null; then
	if [ ${#c_files[@]} -gt 0 ] && ! clang-format-14 --dry-run -Werror "${c_files[@]}" >/dev/null 2>&1; then
		clang-format-14 --dry-run -Werror "${c_files[@]}" 2>&1 | grep -F ': error: '
		complain "the lines above are not as clang-format-14 -i would have them"
	fi
elif [ "$rc" -eq 0 ]; then
	echo "clang-format-14 is not installed: formatting not checked"
	exit 77
fi
exit "$rc"
