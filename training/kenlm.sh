#!/bin/sh
# Builds KenLM's lmplz and query into the folder given, from its source in the package index.
# Needs a C++ compiler, CMake and, of Boost, program_options, system and thread
# (Debian: build-essential cmake libboost-program-options-dev libboost-system-dev
# libboost-thread-dev libboost-test-dev zlib1g-dev).
set -eu
target=$(mkdir -p "${1:?usage: training/kenlm.sh FOLDER}" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip download --quiet --no-deps --no-binary kenlm --dest "$work" kenlm==0.3.0
tar -xzf "$work"/kenlm-0.3.0.tar.gz -C "$work"
cmake -S "$work/kenlm-0.3.0" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DENABLE_PYTHON=OFF >/dev/null
cmake --build "$work/build" --target lmplz query
cp "$work"/build/bin/lmplz "$work"/build/bin/query "$target"
