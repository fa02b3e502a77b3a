"""Small WebM, MP4 and AAC files around given packets, as recorders write them, and wrong ones."""

import struct
from itertools import pairwise

UNKNOWN = b"\x01" + b"\xff" * 7  # the size of an element that has none


def opus_packets(ogg: bytes) -> tuple[bytes, list[bytes]]:
    """Return the header and the packets of an Ogg file with one Opus sound."""
    packets, part, place = list[bytes](), b"", 0
    while place < len(ogg):
        sizes = ogg[place + 27 : place + 27 + ogg[place + 26]]
        place += 27 + len(sizes)
        for size in sizes:
            part, place = part + ogg[place : place + size], place + size
            if size < 255:
                packets.append(part)
                part = b""
    return packets[0], packets[2:]


def element(name: int, content: bytes, size: bytes | None = None) -> bytes:
    """Return an element of EBML. size: as it is written."""
    head = name.to_bytes((name.bit_length() + 7) // 8, "big")
    return head + (size or (len(content) | 1 << 28).to_bytes(4, "big")) + content


def track(number: int, kind: int, codec: bytes, setup: bytes = b"", more: bytes = b"") -> bytes:
    """Return the description of a track. kind: 1 pictures, 2 sound."""
    parts = [(0xD7, bytes([number])), (0x83, bytes([kind])), (0x86, codec), (0x63A2, setup)]
    return element(0xAE, b"".join(element(*part) for part in parts) + more)


def webm(
    setup: bytes,
    packets: list[bytes],
    codec: bytes = b"A_OPUS",
    live: bool = True,
    tracks: bytes | None = None,
) -> bytes:
    """Return a WebM file. live: whether sizes are unknown, as browsers record."""
    tracks = track(1, 2, codec, setup) if tracks is None else tracks
    blocks = [element(0xA3, b"\x81\0\0\x80" + packet) for packet in packets]
    clusters = b"".join(
        element(0x1F43B675, element(0xE7, b"\0") + b"".join(part), UNKNOWN if live else None)
        for part in (blocks[:3], blocks[3:])
    )
    segment = element(0x1654AE6B, tracks) + clusters
    return element(0x1A45DFA3, element(0x4282, b"webm")) + element(
        0x18538067, segment, UNKNOWN if live else None
    )


def laced(packets: list[bytes], way: str) -> bytes:
    """Return a block that holds several packets, without the element around it."""
    sizes = [len(packet) for packet in packets]
    flags = {"xiph": 2, "fixed": 4, "ebml": 6}[way]
    table = b""
    if way == "xiph":
        table = b"".join(b"\xff" * (size // 255) + bytes([size % 255]) for size in sizes[:-1])
    elif way == "ebml":
        numbers = [sizes[0] | 0x4000]
        numbers += [b - a + 8191 | 0x4000 for a, b in pairwise(sizes[:-1])]
        table = b"".join(number.to_bytes(2, "big") for number in numbers)
    return b"\x81\0\0" + bytes([flags, len(packets) - 1]) + table + b"".join(packets)


def box(name: bytes, *content: bytes) -> bytes:
    """Return a box of MP4."""
    joined = b"".join(content)
    return struct.pack(">I", 8 + len(joined)) + name + joined


def numbers(*values: int) -> bytes:
    """Return numbers of four bytes."""
    return struct.pack(f">{len(values)}I", *values)


def opus_entry(setup: bytes) -> bytes:
    """Return the description of Opus in MP4."""
    skip, gain = struct.unpack_from("<H", setup, 10)[0], 0
    ops = b"\0" + setup[9:10] + struct.pack(">HIhB", skip, 48_000, gain, 0)
    fixed = b"\0" * 6 + b"\0\1" + b"\0" * 8 + struct.pack(">HHIHH", 1, 16, 0, 48_000, 0)
    return numbers(0, 1) + box(b"Opus", fixed, box(b"dOps", ops))


def described(entry: bytes, tables: bytes, kind: bytes = b"soun") -> bytes:
    """Return a track of MP4. tables: boxes of its sample table."""
    handler = box(b"hdlr", numbers(0, 0), kind, b"\0" * 13)
    table = box(b"stbl", box(b"stsd", entry), tables)
    header = box(b"tkhd", numbers(0, 0, 0, 1, 0) + b"\0" * 64)
    return box(b"trak", header, box(b"mdia", handler, box(b"minf", table)))


def mp4(entry: bytes, packets: list[bytes], more: bytes = b"") -> bytes:
    """Return an MP4 file whose tables stand before its packets, three in a chunk."""
    file_type = box(b"ftyp", b"M4A ", numbers(0))

    def moov(start: int) -> bytes:
        chunks = [packets[i : i + 3] for i in range(0, len(packets), 3)]
        offsets = [start + sum(map(len, packets[: 3 * i])) for i in range(len(chunks))]
        tables = box(b"stsz", numbers(0, 0, len(packets), *map(len, packets)))
        tables += box(b"stsc", numbers(0, 1, 1, 3, 1))
        tables += box(b"stco", numbers(0, len(chunks), *offsets))
        return box(b"moov", described(entry, tables), more)

    head = len(file_type) + len(moov(0)) + 8
    return file_type + moov(head) + box(b"mdat", *packets)


def fragmented(entry: bytes, packets: list[bytes], count: int | None = None) -> bytes:
    """Return an MP4 file in two fragments, as recorders write it. count: that they declare."""
    parts = [box(b"ftyp", b"iso5", numbers(0)), box(b"moov", described(entry, b""))]
    for part in (packets[:4], packets[4:]):

        def moof(offset: int, part: list[bytes] = part) -> bytes:
            said = len(part) if count is None else count
            run = box(b"trun", numbers(0x201, said, offset, *map(len, part)))
            return box(b"moof", box(b"traf", box(b"tfhd", numbers(0x20000, 1)), run))

        parts += [moof(len(moof(0)) + 8), box(b"mdat", *part)]
    return b"".join(parts)
