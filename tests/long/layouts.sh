#!/usr/bin/env bash
# The generated table of layouts is what the toolchains say today.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tools/gen-layouts.py --check
