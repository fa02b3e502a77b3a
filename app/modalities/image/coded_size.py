"""The size of an AVIF or HEIC picture as its codec states it: what the decoder takes memory for.

Boxes may state less. The numbers stand in the sequence headers of AV1 and of HEVC, at the start of
each coded picture (AV1 specification 5.5; ITU-T H.265 7.3.2.2); those of HEVC also in boxes.
"""

from collections.abc import Iterator

CodedSize = tuple[int, int]
TOO_MANY = (2**31, 2**31)
"""The size of a picture whose headers are too many to be read."""
_HEADER = 256  # bytes of a sequence header that are read
_MOST_UNITS = 2000  # of all pictures of a file
_AV1_SEQUENCE, _HEVC_SEQUENCE = 1, 33  # types of units
_EMULATION = b"\0\0\3"  # a byte of 3 that is not part of the header


class _Bits:
    """Numbers of a header, read from its first bit; those behind its end are 0."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data[:_HEADER].ljust(_HEADER, b"\0"), "big")
        self._left = 8 * _HEADER

    def number(self, bits: int) -> int:
        """Return a number of so many bits."""
        self._left = max(self._left - bits, 0)
        return self._value >> self._left & (1 << bits) - 1

    def golomb(self) -> int:
        """Return a number with as many zeros before it as it has bits behind its first."""
        zeros = 0
        while zeros < 32 and not self.number(1):
            zeros += 1
        return (1 << zeros) - 1 + self.number(zeros)


def sizes_in_av1(picture: bytes) -> list[CodedSize]:
    """Return the sizes that the sequence headers of a coded picture state, usually one."""
    return [_of_av1(unit) for kind, unit in _av1_units(picture) if kind == _AV1_SEQUENCE]


def _av1_units(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the first bytes of each unit."""
    place = 0
    for _ in range(_MOST_UNITS):
        if place >= len(data):
            return
        head = data[place]
        if head & 0x80:  # no unit: the item is no picture
            return
        place += 2 if head & 4 else 1
        size, shift = len(data) - place, 0
        if head & 2:
            size = 0
            for byte in data[place : place + 8]:
                size |= (byte & 0x7F) << shift
                place, shift = place + 1, shift + 7
                if byte < 0x80:
                    break
        yield head >> 3 & 15, data[place : place + min(size, _HEADER)]
        place += size
    yield _AV1_SEQUENCE, b"\xff" * _HEADER  # states the largest size


def _of_av1(header: bytes) -> CodedSize:
    bits = _Bits(header)
    bits.number(3)  # profile
    bits.number(1)
    if bits.number(1):  # a short header, of a still
        bits.number(5)
    else:
        _skip_operating_points(bits)
    across, down = bits.number(4) + 1, bits.number(4) + 1
    return bits.number(across) + 1, bits.number(down) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay = 0
    if bits.number(1):  # timing
        bits.number(64)
        if bits.number(1):
            bits.golomb()
        if bits.number(1):  # a model of the decoder
            delay = bits.number(5) + 1
            bits.number(42)
    shown = bits.number(1)
    for _ in range(bits.number(5) + 1):
        bits.number(12)
        if bits.number(5) > 7:
            bits.number(1)
        if delay and bits.number(1):
            bits.number(2 * delay + 1)
        if shown and bits.number(1):
            bits.number(4)


def sizes_in_hevc(picture: bytes) -> list[CodedSize]:
    """Return the sizes of the sequence headers among units that begin with their length."""
    found, place = list[CodedSize](), 0
    for _ in range(_MOST_UNITS):
        if place + 6 > len(picture):
            return found
        size = int.from_bytes(picture[place : place + 4], "big")
        found += _of_hevc(picture[place + 4 : place + 4 + min(size, _HEADER)])
        place += 4 + size
    return [TOO_MANY]


def sizes_in_hevc_box(box: bytes) -> list[CodedSize]:
    """Return the sizes of the sequence headers in a box `hvcC`."""
    found, place = list[CodedSize](), 23
    for _ in range(box[22] if len(box) > 22 else 0):
        count, place = int.from_bytes(box[place + 1 : place + 3], "big"), place + 3
        for _ in range(min(count, _MOST_UNITS)):
            size = int.from_bytes(box[place : place + 2], "big")
            found += _of_hevc(box[place + 2 : place + 2 + min(size, _HEADER)])
            place += 2 + size
    return found


def _of_hevc(unit: bytes) -> list[CodedSize]:
    """Return the size that a unit states; none unless it is a sequence header."""
    if len(unit) < 2 or unit[0] >> 1 & 63 != _HEVC_SEQUENCE:
        return []
    bits = _Bits(unit[2:].replace(_EMULATION, b"\0\0"))
    bits.number(4)
    layers = bits.number(3)
    bits.number(1)
    bits.number(96)  # profile, tier and level
    present = [(bits.number(1), bits.number(1)) for _ in range(layers)]
    bits.number(2 * (8 - layers) if layers else 0)
    for has_profile, has_level in present:
        bits.number(88 * has_profile + 8 * has_level)
    bits.golomb()
    if bits.golomb() == 3:
        bits.number(1)
    return [(bits.golomb(), bits.golomb())]
