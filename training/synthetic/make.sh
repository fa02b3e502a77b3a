#!/usr/bin/env bash
# Makes spoken-digits.zip: the ten digits in 28 voices of eSpeak NG, 8 kHz FLAC.
# Needs espeak-ng and sox. The recipe trains on them beside the real speakers, and keeps other
# accents and voices (see training/golden/spoken-digits) apart.
set -euo pipefail
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
words=(zero one two three four five six seven eight nine)
speeds=(110 130 150 175)
count=0
for accent in en-us en-gb en-029 en-gb-x-rp; do
  for variant in m1 m2 m4 m6 f1 f3 f5; do
    for digit in "${!words[@]}"; do
      speed=${speeds[count % 4]}
      pitch=$((30 + 7 * (count % 7)))
      name="${digit}_${accent}+${variant}_${speed}"
      espeak-ng -v "$accent+$variant" -s "$speed" -p "$pitch" -w "$folder/in.wav" "${words[digit]}"
      sox -R "$folder/in.wav" -r 8000 -b 16 -D "$folder/$name.flac" norm -3 silence 1 0.01 0.5% reverse silence 1 0.01 0.5% reverse
      count=$((count + 1))
    done
  done
done
rm "$folder/in.wav"
rm -f spoken-digits.zip
(cd "$folder" && touch -t 200001010000 -- *.flac && zip -q -X -0 - -- *.flac) >spoken-digits.zip
