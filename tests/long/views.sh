#!/usr/bin/env bash
# What views say, against 60 random programs for each release, and in 200 random stops of one that loses nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tests/views/run.py build/tests/views --seeds 60
tests/views/stops.py build/tests/views --stops 200
