#!/usr/bin/env bash
# Sets up, builds, and runs the whole workflow on built-in data: a small trained CLIP, in float and quantized with every
# recipe, with size, accuracy and latency in one table. Output goes to the given folder (default: build/demo).
set -euo pipefail
output=$(realpath -m "${1:-$(dirname "$0")/../build/demo}")
cd "$(dirname "$0")/.."
scripts/setup.sh
cmake --preset release
cmake --build --preset release
build/release/clipq demo -o "$output"
echo
echo "The models, the data, results.json and the report (report.html) are in $output"
