"""Checks of a sound file's header, made before a native decoder reads the file.

libsndfile opens 26 formats; only MP3 and those in `_SIGNATURES` reach it. ID3 tags are removed
first, because libsndfile opens any format that follows one. In WAV files every `fmt ` chunk is
checked, wherever it is: libsndfile 1.2.2 multiplies two header fields of IMA ADPCM in 32 bits
(CVE-2026-37555), so the block size must agree with the sample count. MP3 within WAV is read as MP3
alone: libsndfile would go on into the chunks that follow, and its decoder complain about them.
"""

import struct

from app.errors import InvalidInput
from app.modalities.audio.wav import find_chunk

EXPECTED = "expected a WAV, FLAC, Ogg or MP3 sound"
_SIGNATURES = {b"RIFF": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg"}
_ELSEWHERE = {
    b"\x1aE\xdf\xa3": "WebM or Matroska, as browsers record; record PCM and send WAV",
    b"FORM": "AIFF; convert it to WAV or FLAC",
    b"RF64": "RF64; convert it to WAV or FLAC",
    b".snd": "AU; convert it to WAV or FLAC",
}
_PCM, _FLOAT, _ALAW, _ULAW, _IMA_ADPCM, _MP3, _EXTENSIBLE = 1, 3, 6, 7, 0x11, 0x55, 0xFFFE
_WAV_KINDS = {_PCM, _FLOAT, _ALAW, _ULAW, _IMA_ADPCM}


def checked(data: bytes) -> bytes:
    """Return the sound without ID3 tags, and MP3 without the WAV file around it.

    Raises `InvalidInput` unless its format is safe to read.
    """
    while data.startswith(b"ID3") and len(data) >= 10:
        data = data[_tag_size(data) :]
    if not data:
        raise InvalidInput(f"{EXPECTED}, got 0 bytes")
    for signature, advice in _ELSEWHERE.items():
        if data.startswith(signature):
            raise InvalidInput(f"{EXPECTED}, got {advice}")
    if data[4:8] == b"ftyp":
        raise InvalidInput(f"{EXPECTED}, got MP4 or M4A; convert it to WAV, FLAC or MP3")
    kind = next((k for s, k in _SIGNATURES.items() if data.startswith(s)), None)
    if kind is None and not _is_mp3(data):
        raise InvalidInput(f"{EXPECTED}, got something else")
    return _checked_wav(data) if kind == "WAV" else data


def _tag_size(data: bytes) -> int:
    """Return the size of an ID3v2 tag and its header, from four bytes of seven bits each."""
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _checked_wav(data: bytes) -> bytes:
    if data[8:12] != b"WAVE":
        raise InvalidInput(f"{EXPECTED}, got a RIFF file of another kind")
    place = find_chunk(data, b"fmt ", 12)  # after RIFF, size, WAVE
    if place is None:
        raise InvalidInput(f"{EXPECTED}, got a WAV file without a format chunk")
    if _kind(data[place + 8 : place + 48]) == _MP3:
        return _mp3_of(data, place)
    _check_format(data[place + 8 : place + 48])
    # Where sizes are wrong, libsndfile searches for chunks byte by byte and uses the last format.
    place = data.find(b"fmt ", place + 4)
    while place >= 0:
        form = data[place + 8 : place + 48]
        if len(form) >= 16 and _kind(form) == _IMA_ADPCM:
            _check_format(form)
        place = data.find(b"fmt ", place + 4)
    return data


def _mp3_of(data: bytes, place: int) -> bytes:
    """Return what the `data` chunk after that place holds, to the end of a file that is cut off."""
    start = find_chunk(data, b"data", place)
    if start is None:
        raise InvalidInput(f"{EXPECTED}, got a WAV file without a chunk of data")
    size = int.from_bytes(data[start + 4 : start + 8], "little")
    found = data[start + 8 : start + 8 + size].lstrip(b"\0")  # padding before the first frame
    if not _is_mp3(found):
        raise InvalidInput(f"{EXPECTED}, got a WAV file that declares MP3 and holds something else")
    return found


def _is_mp3(data: bytes) -> bool:
    return len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0


def _check_format(chunk: bytes) -> None:
    if len(chunk) < 16:
        raise InvalidInput("the WAV file's format chunk is too short")
    _, channels, rate, _, block, _ = struct.unpack_from("<HHIIHH", chunk)
    kind = _kind(chunk)
    if kind not in _WAV_KINDS:
        raise InvalidInput(
            "expected PCM, float, A-law, µ-law, IMA ADPCM or MP3 in the WAV file, "
            f"got format tag {kind:#06x}; convert it to 16-bit PCM"
        )
    if rate == 0 or channels == 0:
        raise InvalidInput("the WAV file declares no sample rate or no channels")
    if kind == _IMA_ADPCM:
        expected = (block - 4 * channels) * 2 // channels + 1
        declared = struct.unpack_from("<H", chunk, 18)[0] if len(chunk) >= 20 else 0
        if not 1 <= channels <= 2 or block <= 4 * channels or declared != expected:
            raise InvalidInput("the WAV file's ADPCM block size contradicts its sample count")


def _kind(chunk: bytes) -> int:
    """Return the format tag; an extensible header has the real one at the start of its GUID."""
    (kind,) = struct.unpack_from("<H", chunk)
    if kind == _EXTENSIBLE and len(chunk) >= 26:
        (kind,) = struct.unpack_from("<H", chunk, 24)
    return int(kind)
