#!/usr/bin/env bash
# Real servers, idle and under load, 20 reports each: no false alarm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tests/servers/build.sh $(tests/servers/build.sh -l)
tests/servers/run.py
