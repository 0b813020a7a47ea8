#!/usr/bin/env bash
# Thousands of attaches and captures, and seep killed at 500 random moments, with both ways to pause: a program that checks
# itself, and a server under load.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tests/harmless/stamps.py build/tests/stamps --all --captures 2000
for method in auto stop; do
	tests/harmless/attaches.py --subject selfcheck --attaches 2000 --method $method
	tests/harmless/attaches.py --subject server --attaches 300 --method $method
	tests/harmless/kill.py --subject selfcheck --kills 500 --method $method
	tests/harmless/kill.py --subject selfcheck --kills 100 --signals KILL,TERM,INT --method $method
	tests/harmless/kill.py --subject server --kills 100 --method $method
	tests/harmless/environments.py --times 40 --method $method
	tests/harmless/races.py --times 50 --method $method
done
