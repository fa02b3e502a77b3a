"""Looking at a sound file's first bytes before a native decoder sees them.

libsndfile opens 26 formats; only those named in `_SIGNATURES` reach it. In WAV files the
`fmt ` chunk is checked as well: libsndfile 1.2.2 multiplies two header fields of
IMA ADPCM in 32 bits (CVE-2026-37555), so a block must hold what its size says.
"""

import struct

from app.errors import InvalidInput

EXPECTED = "expected a WAV, FLAC, Ogg or MP3 sound"
_SIGNATURES = {b"RIFF": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3": "MP3"}
_ELSEWHERE = {
    b"\x1aE\xdf\xa3": "WebM or Matroska, as browsers record; record PCM and send WAV",
    b"FORM": "AIFF; convert it to WAV or FLAC",
    b"RF64": "RF64; convert it to WAV or FLAC",
    b".snd": "AU; convert it to WAV or FLAC",
}
_PCM, _MS_ADPCM, _FLOAT, _ALAW, _ULAW, _IMA_ADPCM, _EXTENSIBLE = 1, 2, 3, 6, 7, 0x11, 0xFFFE
_WAV_KINDS = {_PCM, _FLOAT, _ALAW, _ULAW, _IMA_ADPCM, _EXTENSIBLE}


def check_container(data: bytes) -> None:
    """Raise `InvalidInput` unless the bytes begin like a format that is read safely."""
    if not data:
        raise InvalidInput(f"{EXPECTED}, got 0 bytes")
    for signature, advice in _ELSEWHERE.items():
        if data.startswith(signature):
            raise InvalidInput(f"{EXPECTED}, got {advice}")
    if data[4:8] == b"ftyp":
        raise InvalidInput(f"{EXPECTED}, got MP4 or M4A; convert it to WAV, FLAC or MP3")
    kind = next((k for s, k in _SIGNATURES.items() if data.startswith(s)), None)
    if kind is None and not (len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0):
        raise InvalidInput(f"{EXPECTED}, got something else")
    if kind == "WAV":
        _check_wav(data)


def _check_wav(data: bytes) -> None:
    place = 12  # RIFF, size, WAVE
    if data[8:12] != b"WAVE":
        raise InvalidInput(f"{EXPECTED}, got a RIFF file of another kind")
    while place + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        if name == b"fmt ":
            return _check_format(data[place + 8 : place + 8 + min(size, 64)])
        place += 8 + size + size % 2
    raise InvalidInput(f"{EXPECTED}, got a WAV file without a format chunk")


def _check_format(chunk: bytes) -> None:
    if len(chunk) < 16:
        raise InvalidInput("the WAV file's format chunk is too short")
    kind, channels, rate, _, block, _ = struct.unpack_from("<HHIIHH", chunk)
    if kind not in _WAV_KINDS:
        raise InvalidInput(
            "expected PCM, float, A-law, µ-law or IMA ADPCM in the WAV file, "
            f"got format tag {kind:#06x}; convert it to 16-bit PCM"
        )
    if rate == 0 or channels == 0:
        raise InvalidInput("the WAV file declares no sample rate or no channels")
    if kind == _IMA_ADPCM:
        expected = (block - 4 * channels) * 2 // channels + 1
        declared = struct.unpack_from("<H", chunk, 18)[0] if len(chunk) >= 20 else 0
        if not 1 <= channels <= 2 or block <= 4 * channels or declared != expected:
            raise InvalidInput("the WAV file's ADPCM block size contradicts its sample count")
