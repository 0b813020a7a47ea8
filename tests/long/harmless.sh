#!/usr/bin/env bash
# 2,000 attaches to a server under load, and seep killed at 300 random moments.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tests/harmless/attaches.py --attaches 2000
tests/harmless/kill.py --kills 300
tests/harmless/kill.py --kills 100 --signals KILL,TERM,INT
tests/harmless/races.py --times 50
