#!/usr/bin/env bash
# Makes the golden sounds: the ten digits in a voice and accent that was not trained on.
set -euo pipefail
cd "$(dirname "$0")"
for word in zero one two three four five six seven eight nine; do
  espeak-ng -v en-gb-scotland+f2 -s 125 -w "$word.wav" "$word"
done
