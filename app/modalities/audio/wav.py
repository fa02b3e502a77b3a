"""WAV files and their larger forms (RIFX, RF64, BW64, Wave64) → what is in them.

Plain samples are described, and read without a library. A codec's blocks are put behind a header
that is written anew: libsndfile never sees that of the file. libsndfile 1.2.2 multiplies two header
fields of IMA ADPCM in 32 bits (CVE-2026-37555), so block sizes must agree with sample counts.
"""

import struct
from dataclasses import dataclass
from functools import lru_cache

from app.errors import InvalidInput
from app.modalities.audio.chunks import RIFF, RIFX, W64, ChunkForm, each_chunk, extent
from app.modalities.audio.layout import Coding, SampleLayout
from app.modalities.audio.refusals import SAVE_ANEW, refuse_pictures

_FORM = struct.Struct("<HHIIHH")  # tag, channels, rate, bytes a second, block, bits
_BIG_FORM = struct.Struct(">HHIIHH")
_PCM, _MS_ADPCM, _FLOAT, _ALAW, _ULAW, _IMA_ADPCM, _GSM = 1, 2, 3, 6, 7, 0x11, 0x31
_MPEG, _EXTENSIBLE = (0x50, 0x55), 0xFFFE
_CODINGS: dict[int, Coding] = {_FLOAT: "float", _ALAW: "A-law", _ULAW: "µ-law"}
_USUAL = b"WAVEfmt \x10\0\0\0"  # the first chunk, of 16 bytes; the samples follow
_UNWRITTEN = 2**32 - 1
_W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_STARTS = (b"RIFF", b"RIFX", b"RF64", b"BW64", _W64_RIFF)
_COEFFICIENTS = (256, 0, 512, -256, 0, 0, 192, 64, 240, 0, 460, -208, 392, -232)
_TWICE = f"the WAV file has two different format chunks; {SAVE_ANEW}"


@dataclass(frozen=True, slots=True)
class CodecBlocks:
    """A codec's data as a file that libsndfile reads. mpeg: whether they are MPEG frames alone."""

    data: bytes
    mpeg: bool = False


def is_wave(data: bytes) -> bool:
    """Return whether a file begins as one of the forms."""
    return data.startswith(_STARTS)


def read_wave(data: bytes) -> SampleLayout | CodecBlocks:
    """Return what the file holds; raise `InvalidInput` where that is not known."""
    form, big, start, size = found = _samples(data)
    layout = _layout(*found)
    if layout is not None:
        return layout
    if _tag(form, big) in _MPEG:
        return CodecBlocks(data[start : start + size], mpeg=True)
    return CodecBlocks(_written_anew(form, big, memoryview(data)[start : start + size]))


def plain_layout(data: bytes) -> SampleLayout | None:
    """Return where plain samples lie; None for every other file. Nothing is copied."""
    if not is_wave(data):
        return None
    try:
        return _layout(*_samples(data))
    except InvalidInput:
        return None


def _layout(form: bytes, big: bool, start: int, size: int) -> SampleLayout | None:
    """Return the layout of plain samples; None for a codec's."""
    coding, width, channels, rate = _plain(form, big)
    if coding is None:
        return None
    return SampleLayout(coding, width, big, channels, rate, start, size)


def _samples(data: bytes) -> tuple[bytes, bool, int, int]:
    """Return the format chunk, whether it is of RIFX, and where the samples start; their size."""
    if len(data) >= 44 and data[8:20] == _USUAL and data[36:40] == b"data" and data[:4] == b"RIFF":
        size = extent(data, 44, int.from_bytes(data[40:44], "little"), RIFF)
        return data[20:36], False, 44, size
    form = _chunk_form(data)
    long_size, described = None, None
    for name, start, size in each_chunk(data, 40 if form is W64 else 12, form):
        if name == b"data":
            if described is None:
                break
            if size == _UNWRITTEN and long_size is not None:
                size = long_size
            return described, form is RIFX, start, extent(data, start, size, form)
        if name == b"fmt ":
            found = data[start : start + min(size, 64)]
            if described is not None and found != described:
                raise InvalidInput(_TWICE)
            described = found
        elif name == b"ds64":
            long_size = int.from_bytes(data[start + 8 : start + 16], "little")
    if described is None:
        raise InvalidInput(
            f"expected a WAV sound, got a WAV file without a format chunk; {SAVE_ANEW}"
        )
    _plain(described, form is RIFX)  # its own mistakes first
    raise InvalidInput(f"expected a WAV sound, got a WAV file without a chunk of data; {SAVE_ANEW}")


def _chunk_form(data: bytes) -> ChunkForm:
    if data.startswith(_W64_RIFF):
        if data[24:28] != b"wave":
            raise InvalidInput(
                f"expected a WAV sound, got a Wave64 file of another kind; {SAVE_ANEW}"
            )
        return W64
    if data[8:12] != b"WAVE":
        refuse_pictures(data)
        raise InvalidInput(f"expected a WAV sound, got a RIFF file of another kind; {SAVE_ANEW}")
    return RIFX if data[:4] == b"RIFX" else RIFF


@lru_cache(maxsize=64)  # the same few come again and again
def _plain(form: bytes, big: bool) -> tuple[Coding | None, int, int, int]:
    """Return coding, width, channels and rate of plain samples; no coding for a codec's."""
    if len(form) < 16:
        raise InvalidInput(f"the WAV file's format chunk is too short; {SAVE_ANEW}")
    tag = _tag(form, big)
    _, channels, rate, _, block, bits = (_BIG_FORM if big else _FORM).unpack_from(form)
    if tag in _MPEG:
        return None, 0, channels, rate
    if rate == 0 or channels == 0:
        raise InvalidInput(f"the WAV file declares no sample rate or no channels; {SAVE_ANEW}")
    if tag in (_MS_ADPCM, _IMA_ADPCM, _GSM):
        return None, 0, channels, rate
    if tag != _PCM and tag not in _CODINGS:
        raise InvalidInput(
            "expected PCM, float, A-law, µ-law, ADPCM (IMA, Microsoft), GSM 6.10 or MP3 in the WAV "
            f"file, got format tag {tag:#06x}; convert it to 16-bit PCM"
        )
    width = (bits + 7) // 8
    coding = _CODINGS.get(tag, "unsigned" if width == 1 else "integer")
    layout = SampleLayout(coding, width, big, channels, rate, 0, 0)
    if not layout.is_known() or block != width * channels:
        raise InvalidInput(
            f"the WAV file's format chunk contradicts itself or is not read: {bits} bits and "
            f"{channels} channels in blocks of {block} bytes; convert it to 16-bit PCM"
        )
    return coding, width, channels, rate


def _tag(form: bytes, big: bool) -> int:
    """Return the format tag; an extensible header has the real one at the start of its GUID."""
    order = ">H" if big else "<H"
    (tag,) = struct.unpack_from(order, form)
    if tag == _EXTENSIBLE and len(form) >= 26:
        (tag,) = struct.unpack_from(order, form, 24)
    return int(tag)


def _written_anew(form: bytes, big: bool, samples: memoryview) -> bytes:
    """Return a WAV file of a codec's blocks, whose header holds what was checked."""
    if big:
        raise InvalidInput("expected plain samples in a RIFX file; convert it to 16-bit PCM")
    tag, (_, channels, rate, speed, block, _) = _tag(form, big), _FORM.unpack_from(form)
    declared = struct.unpack_from("<H", form, 18)[0] if len(form) >= 20 else 0
    name, most, bits, more = "GSM", 1, 0, b""
    frames = 320 if block == 65 else 0
    if tag == _IMA_ADPCM:
        name, most, bits = "ADPCM", 2, 4
        frames = (block - 4 * channels) * 2 // channels + 1 if block > 4 * channels else 0
    elif tag == _MS_ADPCM:
        name, most, bits = "ADPCM", 2, 4
        frames = (block - 7 * channels) * 2 // channels + 2 if block > 7 * channels else 0
        more = struct.pack("<H14h", 7, *_COEFFICIENTS)
        if form[20:50] != more:
            raise InvalidInput(
                "the WAV file has ADPCM with coefficients of its own, which is not read; "
                "convert it to 16-bit PCM"
            )
    if not frames or channels > most or declared != frames:
        raise InvalidInput(
            f"the WAV file's {name} block size contradicts its sample count; {SAVE_ANEW}"
        )
    head = _FORM.pack(tag, channels, rate, speed, block, bits)
    head += struct.pack("<HH", 2 + len(more), frames) + more
    size = len(samples) // block * block
    head = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", size)
    pad = b"\0" * (size % 2)  # without it libsndfile misreads the last block
    length = struct.pack("<I", len(head) + size + len(pad))
    return b"".join((b"RIFF", length, head, samples[:size], pad))
