#!/usr/bin/env bash
# Sets up, builds (warnings are errors) and runs every test: scripts/test.sh [ctest arguments…]
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh --tests
python3 scripts/check_layers.py
cmake --preset ci
cmake --build --preset ci
ctest --preset ci "$@"
