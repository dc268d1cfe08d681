#!/usr/bin/env bash
# Sets up, builds, and runs the main job on built-in data: a small trained CLIP as it came and quantized by every
# recipe, with size, accuracy and latency in one table. What it makes stays in the folder given (default: build/demo).
set -euo pipefail
output=$(realpath -m "${1:-$(dirname "$0")/../build/demo}")
cd "$(dirname "$0")/.."
scripts/setup.sh
cmake --preset release
cmake --build --preset release
build/release/clipq demo -o "$output"
echo
echo "The models, the data, results.json and the report (report.html) are in $output"
