#!/usr/bin/env bash
# Writes the locks anew: `requirements/lock.sh`, or with -U to take newer versions.
#   serve.txt       what the service runs on, without torch (the image installs this)
#   cuda.txt        NVIDIA's libraries for serving on a GPU, on top of serve.txt
#   dev.txt         serve.txt, the tools and the site generator: what `make test-app` runs on, without torch
#   training.txt    dev.txt and training, torch without NVIDIA's libraries
#   torch-cuda.txt  those libraries, for the torch wheel that needs them
#   ray.txt         what thalamus[ray] needs on top of serve.txt, in the versions of training.txt
#   torch-cpu.txt   (written by hand) the torch wheel that does not, where it is at hand
# Each is complete and is installed with --require-hashes --no-deps.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet "$@"; }
gpu='^(nvidia|cuda|triton)[a-z0-9-]*=='
not_emitted() { grep -oE "$gpu" "$1" | sed 's/==//' | sed 's/^/--no-emit-package /'; }
all=$(mktemp)
trap 'rm -f "$all"' EXIT

compile "$@" pyproject.toml --group build -o requirements/serve.txt
compile "$@" pyproject.toml --group build --extra cuda -c requirements/serve.txt -o "$all"
awk -v gpu="$gpu" '/^[a-z]/ { keep = $0 ~ gpu } keep' "$all" >requirements/cuda.txt

compile "$@" pyproject.toml --group build --group dev --group docs -c requirements/serve.txt -o requirements/dev.txt
groups=(--group build --group dev --group docs --group training -c requirements/dev.txt)
compile "$@" pyproject.toml "${groups[@]}" -o "$all"
awk -v gpu="$gpu" '/^[a-z]/ { keep = $0 ~ gpu } keep' "$all" >requirements/torch-cuda.txt
# timm is wanted for its label files only, and torchvision must match torch's build.
# shellcheck disable=SC2046
compile "$@" pyproject.toml "${groups[@]}" --no-emit-package torchvision $(not_emitted "$all") \
  -o requirements/training.txt

compile "$@" pyproject.toml --group build --extra ray -c requirements/training.txt -o "$all"
awk 'match($0, /^[a-z0-9._-]+==/) { name = substr($0, 1, RLENGTH) }
  NR == FNR { locked[name]; next }
  /^[a-z]/ { keep = !(name in locked) } keep' requirements/serve.txt "$all" >requirements/ray.txt
