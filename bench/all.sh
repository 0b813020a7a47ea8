#!/bin/sh
# all.sh [--full]: every measurement here, one after the other, as tables on stdout.
#
# Quick, it takes some ten minutes and 6 GB; --full is what docs/performance.md shows, and takes an
# hour and 22 GB. Nothing else should use the machine meanwhile. SEEP names another seep than
# build/seep, and GO a Go release for the targets.
set -eu

cd "$(dirname "$0")"
case ${1-} in
'') full= ;;
--full) full=yes ;;
*)
	sed -n '2,6s/^# \?//p' all.sh >&2
	exit 2
	;;
esac
status=0
measure() {
	script=$1
	shift
	printf '\n## %s\n\n' "$script $*"
	"./$script.py" ${GO:+--go "$GO"} "$@" || status=1
}

if [ "$full" ]; then
	measure pause --sizes 0.25,1,4,8
	measure service
	measure compare --rounds 5
	measure marking --rounds 9
	measure growth --millions 1,10,30,100
	measure growth --millions 1,3,10 --shape records
else
	measure pause --sizes 0.25,1 --attaches 10
	measure service --attaches 3
	measure compare --rounds 2 --workload 100k --workload 1m --workload 5m
	measure marking --rounds 3
	measure growth --millions 1,5
fi
measure profile
[ ! -x startup.py ] || measure startup
exit $status
